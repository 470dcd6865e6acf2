// The page around the npm client: every signal is written down in window.seen.
import { createCallSignals, createInfinityClient, createInfinityClientSignals, setLogger } from '@pexip/infinity';

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

const line = (level) => (meta, message) => {
  if (level !== 'debug') note('logger', `${level}: ${message ?? ''} ${typeof meta === 'string' ? meta : meta?.error ? String(meta.error) : ''}`);
};
setLogger({
  debug: line('debug'), info: () => undefined, warn: line('warn'), error: line('error'),
  redact: (t) => t, addRedactPattern: () => undefined,
});

const signals = createInfinityClientSignals([], { batchScheduleTimeoutMS: 50, batchBufferSize: 10 });
const callSignals = createCallSignals([]);
for (const name of ['onPinRequired', 'onError', 'onServiceType', 'onConferenceStatus', 'onParticipants', 'onMessage', 'onMyselfMuted', 'onDisconnected', 'onConnected', 'onStage', 'onLayoutUpdate'])
  signals[name].add((v) => note(name, v));
signals.onCallConnected.add(() => note('callConnected', true));
callSignals.onRemoteStream.add((stream) => {
  window.remote ??= new MediaStream();
  stream.getTracks().forEach((t) => window.remote.addTrack(t));
  let v = document.querySelector('video');
  if (!v) {
    v = document.body.appendChild(document.createElement('video'));
    v.autoplay = true;
  }
  v.srcObject = window.remote;
});

window.client = createInfinityClient(signals, callSignals);
window.frames_ = () => (document.querySelector('video')?.getVideoPlaybackQuality().totalVideoFrames ?? 0) > 10;

let media;
window.join = async (conferenceAlias, displayName, pin) => {
  media ??= await navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 320, height: 180 } });
  return window.client.call({ conferenceAlias, displayName, pin, bandwidth: 0, mediaStream: media, node: location.host, host: location.origin });
};
note('ready', true);
