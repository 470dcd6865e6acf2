// Microphone and camera: choice, processing switches, level meter.

export interface Choice {
  audioId: string;
  videoId: string;
  processing: boolean;
  withVideo: boolean;
}

const KEY = 'conclave.devices';

export function loadChoice(): Choice {
  const fallback: Choice = { audioId: '', videoId: '', processing: true, withVideo: true };
  try {
    return { ...fallback, ...JSON.parse(localStorage.getItem(KEY) ?? '{}') };
  } catch {
    return fallback;
  }
}

export function saveChoice(choice: Choice): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(choice));
  } catch {
    // private mode: the choice lives as long as the page
  }
}

function constraints(choice: Choice): MediaStreamConstraints {
  const audio: MediaTrackConstraints = {
    echoCancellation: choice.processing,
    noiseSuppression: choice.processing,
    autoGainControl: choice.processing,
    channelCount: 1,
  };
  if (choice.audioId) audio.deviceId = { exact: choice.audioId };
  // sizes that the composer scales by exact fractions
  const video: MediaTrackConstraints = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30, max: 30 } };
  if (choice.videoId) video.deviceId = { exact: choice.videoId };
  return { audio, video: choice.withVideo ? video : false };
}

// Falls back step by step: without the remembered devices, without a camera,
// without anything. `problem` says in words what is missing.
export async function openDevices(choice: Choice): Promise<{ stream: MediaStream; problem: string }> {
  const media = navigator.mediaDevices;
  if (!media) return { stream: new MediaStream(), problem: 'This browser gives no access to microphones. You can listen and watch.' };
  const tries: [MediaStreamConstraints, string][] = [
    [constraints(choice), ''],
    [constraints({ ...choice, audioId: '', videoId: '' }), ''],
    [constraints({ ...choice, audioId: '', withVideo: false }), choice.withVideo ? 'No camera could be opened.' : ''],
    [{ video: constraints({ ...choice, videoId: '' }).video ?? false }, 'No microphone could be opened.'],
  ];
  for (const [want, problem] of tries) {
    if (!want.audio && !want.video) continue;
    try {
      return { stream: await media.getUserMedia(want), problem };
    } catch {
      // try the next, weaker wish
    }
  }
  return { stream: new MediaStream(), problem: 'No microphone or camera could be opened. You can listen and watch.' };
}

export async function listDevices(): Promise<{ audio: MediaDeviceInfo[]; video: MediaDeviceInfo[] }> {
  const all = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  return { audio: all.filter((d) => d.kind === 'audioinput'), video: all.filter((d) => d.kind === 'videoinput') };
}

// Calls back about ten times a second with 0..1.
export function watchLevel(stream: MediaStream, tell: (level: number) => void): () => void {
  if (stream.getAudioTracks().length === 0) return () => undefined;
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  analyser.fftSize = 1024;
  const source = context.createMediaStreamSource(stream);
  source.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(samples);
    let sum = 0;
    for (const s of samples) sum += s * s;
    const db = 10 * Math.log10(sum / samples.length + 1e-9);
    tell(Math.max(0, Math.min(1, (db + 60) / 50)));
  }, 100);
  return () => {
    clearInterval(timer);
    source.disconnect();
    void context.close();
  };
}

export function stopStream(stream: MediaStream | null): void {
  stream?.getTracks().forEach((t) => t.stop());
}
