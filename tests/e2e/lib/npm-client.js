// The page around the npm client: every signal is written down in window.seen.
import { ClientCallType, createCallSignals, createInfinityClient, createInfinityClientSignals, setLogger } from '@pexip/infinity';

window.seen = {};
const note = (name, value) => {
  let plain = null;
  try {
    plain = JSON.parse(JSON.stringify(value ?? null));
  } catch {
    plain = String(value);
  }
  (window.seen[name] ??= []).push(plain);
};

const told = (meta) => {
  if (typeof meta === 'string') return meta;
  const e = meta?.error ?? meta?.reason ?? meta;
  return e instanceof Error ? String(e) : JSON.stringify(e);
};
const line = (level) => (meta, message) => note('logger', `${level}: ${message ?? ''} ${told(meta)}`);
const silent = () => undefined;
setLogger({ debug: silent, info: silent, warn: line('warn'), error: line('error'), redact: (t) => t, addRedactPattern: silent });
window.addEventListener('unhandledrejection', (e) => note('unhandled', String(e.reason)));

// Heard by nobody, a signal is a warning: so all are listened to.
const signals = createInfinityClientSignals([], { batchScheduleTimeoutMS: 50, batchBufferSize: 10 });
const callSignals = createCallSignals([]);
for (const [name, s] of [...Object.entries(signals), ...Object.entries(callSignals)]) {
  if (!/RtcStats|CallQuality|RemoteStream|RemotePresentation/.test(name)) s.add((v) => note(name, v));
}
callSignals.onRemoteStream.add((stream) => {
  let v = document.querySelector('video');
  if (!v) {
    v = document.body.appendChild(document.createElement('video'));
    v.className = 'picture';
    v.autoplay = true;
  }
  v.srcObject = stream;
});

callSignals.onRemotePresentationStream.add((stream) => {
  note('onRemotePresentationStream', true);
  let v = document.querySelector('video.slides');
  if (!v) {
    v = document.body.appendChild(document.createElement('video'));
    v.className = 'slides';
    v.autoplay = v.muted = true;
  }
  v.srcObject = stream;
});
// A screen of one colour, painted again and again with a mark that moves.
window.screenOf = (rgb) => {
  const c = document.createElement('canvas');
  [c.width, c.height] = [1280, 720];
  const g = c.getContext('2d');
  let n = 0;
  setInterval(() => {
    g.fillStyle = `rgb(${rgb})`;
    g.fillRect(0, 0, c.width, c.height);
    g.fillStyle = '#fff';
    g.fillRect((n++ * 8) % 1200, 4, 40, 12);
  }, 100);
  return c.captureStream(10);
};

window.client = createInfinityClient(signals, callSignals);

let media;
const bandwidth = 0;
const callType = ClientCallType.AudioVideoPresentation; // without one the client stays without media
window.join = async (conferenceAlias, displayName, pin, extra = {}) => {
  media ??= await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false }, video: { width: 320, height: 180 } });
  return window.client.call({ conferenceAlias, displayName, pin, bandwidth, callType, mediaStream: media, node: location.host, host: location.origin, ...extra });
};
// What an app does when the server ended its call: it makes another.
window.restart = () => window.client.restartCall({ bandwidth, callType, mediaStream: media });
signals.onCallDisconnected.add(() => void window.restart());
note('ready', true);
