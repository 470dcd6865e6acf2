import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { listDevices, watchLevel, type Choice } from './devices';
import { Progress } from './progress';
import { useTitle } from './title';

interface Props {
  alias: string;
  name: string;
  choice: Choice;
  stream: MediaStream | null;
  problem: string;
  error: string;
  busy: boolean;
  onAlias: (v: string) => void;
  onName: (v: string) => void;
  onChoice: (c: Choice) => void;
  onJoin: () => void;
}

function Picker(p: { id: string; label: string; devices: MediaDeviceInfo[]; value: string; onPick: (id: string) => void }) {
  return (
    <label class="field" for={p.id}>
      <span>{p.label}</span>
      <select id={p.id} value={p.value} onChange={(e) => p.onPick(e.currentTarget.value)}>
        <option value="">System default</option>
        {p.devices
          .filter((d) => d.deviceId && d.deviceId !== 'default')
          .map((d, i) => (
            <option key={d.deviceId} value={d.deviceId}>
              {d.label || `${p.label} ${i + 1}`}
            </option>
          ))}
      </select>
    </label>
  );
}

export function Lobby(p: Props) {
  const preview = useRef<HTMLVideoElement>(null);
  const [level, setLevel] = useState(0);
  const [devices, setDevices] = useState<{ audio: MediaDeviceInfo[]; video: MediaDeviceInfo[] }>({ audio: [], video: [] });
  const aliasField = useRef<HTMLInputElement>(null);
  const nameField = useRef<HTMLInputElement>(null);

  useTitle('Join a meeting');
  useLayoutEffect(() => (p.alias ? nameField : aliasField).current?.focus(), []);
  useEffect(() => {
    if (p.error && !p.busy) aliasField.current?.focus();
  }, [p.error, p.busy]);
  useEffect(() => {
    if (preview.current) preview.current.srcObject = p.stream;
    void listDevices().then(setDevices);
    if (!p.stream) return;
    return watchLevel(p.stream, setLevel);
  }, [p.stream]);
  useEffect(() => {
    const media = navigator.mediaDevices;
    const again = () => void listDevices().then(setDevices);
    media?.addEventListener('devicechange', again);
    return () => media?.removeEventListener('devicechange', again);
  }, []);

  const hasVideo = (p.stream?.getVideoTracks().length ?? 0) > 0;
  const ready = p.alias.trim() !== '' && p.name.trim() !== '';
  return (
    <main class="lobby">
      <section class="preview" aria-label="Your camera">
        <video ref={preview} class="mirrored" autoplay playsInline muted aria-label="Preview of your camera" />
        {!hasVideo && (
          <div class="preview-off">
            {p.stream ? (p.choice.withVideo ? 'No camera' : 'Camera is off') : 'Opening your microphone and camera…'}
          </div>
        )}
        <div class="meter">
          <span id="meter-label">Microphone level</span>
          <meter min={0} max={1} low={0.15} high={0.92} optimum={0.5} value={level} aria-labelledby="meter-label" />
        </div>
      </section>
      <form
        class="card"
        onSubmit={(e) => {
          e.preventDefault();
          if (ready && !p.busy) p.onJoin();
        }}
      >
        <h1>Join a meeting</h1>
        <label class="field" for="alias">
          <span>Meeting</span>
          <input
            id="alias"
            ref={aliasField}
            aria-invalid={p.error !== ''}
            aria-describedby="lobby-error"
            value={p.alias}
            maxLength={250}
            autocomplete="off"
            autocapitalize="none"
            spellcheck={false}
            required
            onInput={(e) => p.onAlias(e.currentTarget.value)}
          />
        </label>
        <label class="field" for="name">
          <span>Your name</span>
          <input
            id="name"
            ref={nameField}
            value={p.name}
            maxLength={100}
            autocomplete="name"
            required
            onInput={(e) => p.onName(e.currentTarget.value)}
          />
        </label>
        <Picker id="mic" label="Microphone" devices={devices.audio} value={p.choice.audioId} onPick={(audioId) => p.onChoice({ ...p.choice, audioId })} />
        <Picker id="cam" label="Camera" devices={devices.video} value={p.choice.videoId} onPick={(videoId) => p.onChoice({ ...p.choice, videoId })} />
        <label class="check">
          <input type="checkbox" checked={p.choice.withVideo} onChange={(e) => p.onChoice({ ...p.choice, withVideo: e.currentTarget.checked })} />
          <span>Join with camera</span>
        </label>
        <label class="check">
          <input type="checkbox" checked={p.choice.processing} onChange={(e) => p.onChoice({ ...p.choice, processing: e.currentTarget.checked })} />
          <span>Remove echo and noise, even out the level</span>
        </label>
        <p class="hint" role="status">
          {p.problem}
        </p>
        <p id="lobby-error" class="error" role="alert">
          {p.error}
        </p>
        <Progress busy={p.busy} text="Joining takes longer than usual. Please stay here." />
        <button type="submit" class="primary" disabled={!ready || p.busy || !p.stream}>
          {p.busy ? 'Joining…' : 'Join'}
        </button>
      </form>
    </main>
  );
}
