import { useEffect, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import { Chat } from './chat';
import { Icon } from './icons';
import { freeTile, tileOf, tileTrim, type Rect } from './layout';
import { Roster } from './roster';
import { canShareScreen } from './screen';
import type { MeetingState, Session } from './session';
import { useTitle } from './title';

type Panel = 'none' | 'people' | 'chat';

function useSession(session: Session) {
  const [, again] = useReducer((n: number) => n + 1, 0);
  useEffect(() => session.subscribe(() => again(0)), [session]);
  return session.state;
}

// The picture as it is shown, in CSS pixels; `gap` and `radius` are pixels of
// the picture itself, `below` is the room under it.
interface Box extends Rect {
  scale: number;
  gap: number;
  radius: number;
  below: number;
}

// The composed picture keeps its shape inside the stage; the own view is laid
// over the own tile, in per cent of the picture as it is shown.
function usePictureBox(video: { current: HTMLVideoElement | null }, stage: { current: HTMLElement | null }) {
  const [box, setBox] = useState<Box>({ left: 0, top: 0, width: 0, height: 0, scale: 1, gap: 0, radius: 0, below: 0 });
  useEffect(() => {
    const v = video.current;
    const s = stage.current;
    if (!v || !s) return;
    const measure = () => {
      const ratio = v.videoWidth && v.videoHeight ? v.videoWidth / v.videoHeight : 16 / 9;
      const width = Math.min(s.clientWidth, s.clientHeight * ratio);
      const height = width / ratio;
      const top = (s.clientHeight - height) / 2;
      const scale = v.videoWidth ? width / v.videoWidth : 1;
      setBox({ left: (s.clientWidth - width) / 2, top, width, height, scale, below: top, ...tileTrim(v.videoWidth, v.videoHeight) });
    };
    const watch = new ResizeObserver(measure);
    watch.observe(s);
    v.addEventListener('resize', measure);
    measure();
    return () => {
      watch.disconnect();
      v.removeEventListener('resize', measure);
    };
  }, []);
  return box;
}

export function Meeting(p: { session: Session; onEnded: (reason: string) => void }) {
  const state = useSession(p.session);
  const [panel, setPanel] = useState<Panel>('none');
  const [blocked, setBlocked] = useState(false);
  const stage = useRef<HTMLDivElement>(null);
  const slides = useRef<HTMLVideoElement>(null);
  const remote = useRef<HTMLVideoElement>(null);
  const self = useRef<HTMLVideoElement>(null);
  const title = useRef<HTMLHeadingElement>(null);
  const box = usePictureBox(remote, stage);
  const peopleButton = useRef<HTMLButtonElement>(null);
  const chatButton = useRef<HTMLButtonElement>(null);

  // the form that had the focus is gone: the meeting begins at its name
  useLayoutEffect(() => title.current?.focus(), []);
  useTitle(titleOf(state));
  // closing a panel gives the focus back to the button that opened it
  const before = useRef<Panel>('none');
  useEffect(() => {
    const closed = panel === 'none' ? before.current : 'none';
    before.current = panel;
    if (closed === 'people') peopleButton.current?.focus();
    if (closed === 'chat') chatButton.current?.focus();
  }, [panel]);

  useEffect(() => {
    if (state.ended !== null) p.onEnded(state.ended);
  }, [state.ended]);
  useEffect(() => {
    const v = remote.current;
    if (v && v.srcObject !== p.session.call.remote) v.srcObject = p.session.call.remote;
    if (slides.current && slides.current.srcObject !== p.session.call.slides) slides.current.srcObject = p.session.call.slides;
    if (self.current && self.current.srcObject !== p.session.local) self.current.srcObject = p.session.local;
  });
  useEffect(() => {
    const v = remote.current;
    v?.play().then(
      () => setBlocked(false),
      (e: unknown) => setBlocked(e instanceof DOMException && e.name === 'NotAllowedError'),
    );
  }, [state.call]);
  useEffect(() => {
    const bye = () => p.session.hide();
    window.addEventListener('pagehide', bye);
    return () => window.removeEventListener('pagehide', bye);
  }, [p.session]);
  useEffect(() => {
    const key = (e: KeyboardEvent) => {
      const target = e.target as HTMLElement;
      if (e.ctrlKey || e.metaKey || e.altKey) return;
      if (e.key === 'Escape') setPanel('none');
      if (/^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
      if (e.key === 'm') void p.session.toggleMute();
      if (e.key === 'v') void p.session.toggleVideo();
      if (e.key === 's' && canShareScreen()) void toggleScreen(p.session);
    };
    window.addEventListener('keydown', key);
    return () => window.removeEventListener('keydown', key);
  }, [p.session]);

  const place = selfPlace(state, box);
  const hasCamera = p.session.local.getVideoTracks().length > 0;
  const hasMic = p.session.local.getAudioTracks().length > 0;
  const speaks = state.speakers.includes(state.uuid) && place.kind !== 'corner';
  const silent = state.muted || state.mutedByHost;
  const waiters = state.host ? state.roster.filter((r) => r.service_type === 'waiting_room').length : 0;
  const presenter = state.waiting ? null : state.presenter;
  const mayPresent = state.host || state.status.guests_can_present !== false;
  const toggle = (x: Panel) => setPanel(panel === x ? 'none' : x);

  return (
    <div class={`meeting ${panel === 'none' ? '' : 'with-panel'}`} data-call={state.call} data-events={state.connected ? 'up' : 'lost'} data-waiting={state.waiting}>
      <header class="bar">
        <h1 ref={title} tabIndex={-1}>
          {state.conference}
        </h1>
        {state.status.locked && (
          <span class="badge">
            <Icon name="lock" /> Locked
          </span>
        )}
        <span class="state" role="status" aria-live="polite">
          {banner(state.connected, state.call) || floorText(state)}
        </span>
      </header>
      <main class={`stage ${presenter ? 'presented' : ''}`}>
        {presenter && (
          <section class="slides" aria-label={`Presentation of ${presenter.name}`}>
            <video ref={slides} class="slides-picture" autoplay playsInline muted aria-label={`What ${presenter.name} presents`} />
            <span class="presenter" aria-hidden="true">
              {presenter.name}
            </span>
          </section>
        )}
        <div class="mix" ref={stage}>
          <video ref={remote} class="picture" autoplay playsInline aria-label="The meeting" />
          <Names state={state} box={box} />
          <div class={`self-view ${place.kind} ${hasCamera && !state.videoOff ? '' : 'hidden'} ${speaks ? 'speaks' : ''}`} style={place.style}>
            <video ref={self} class="self mirrored" autoplay playsInline muted aria-label="You" />
            <span class="self-name" aria-hidden="true">
              You
            </span>
          </div>
        </div>
        {state.waiting && (
          <div class="waiting" role="status">
            <div class="spinner" aria-hidden="true" />
            <h2>{state.status.locked ? 'The meeting is locked' : 'Waiting for a host'}</h2>
            <p>{state.status.locked ? 'A host must let you in. Your microphone is not heard yet.' : 'The meeting starts when a host joins. Your microphone is not heard yet.'}</p>
          </div>
        )}
        {blocked && (
          <button class="primary unblock" onClick={() => void remote.current?.play().then(() => setBlocked(false))}>
            Turn the sound on
          </button>
        )}
        {state.notice && (
          <p class="toast" role="alert">
            {state.notice}
          </p>
        )}
      </main>
      {panel === 'people' && <Roster state={state} session={p.session} onClose={() => setPanel('none')} />}
      {panel === 'chat' && <Chat state={state} session={p.session} onClose={() => setPanel('none')} />}
      <footer class="bar controls" role="group" aria-label="Meeting controls">
        <button class={silent ? 'off' : ''} disabled={!hasMic} onClick={() => void p.session.toggleMute()} title="Microphone (m)">
          <Icon name={silent ? 'mic-off' : 'mic'} />
          <span>{silent ? (state.mutedByHost && !state.muted ? 'Muted by host' : 'Unmute') : 'Mute'}</span>
        </button>
        <button class={state.videoOff ? 'off' : ''} disabled={!hasCamera} onClick={() => void p.session.toggleVideo()} title="Camera (v)">
          <Icon name={state.videoOff ? 'cam-off' : 'cam'} />
          <span>{state.videoOff ? 'Start camera' : 'Stop camera'}</span>
        </button>
        {canShareScreen() && (
          <button class={state.presenting ? 'on' : ''} disabled={!state.presenting && (state.waiting || state.call !== 'up' || !mayPresent)} onClick={() => void toggleScreen(p.session)} title="Share the screen (s)">
            <Icon name={state.presenting ? 'screen-off' : 'screen'} />
            <span>{state.presenting ? 'Stop sharing' : 'Share screen'}</span>
          </button>
        )}
        <button ref={peopleButton} aria-expanded={panel === 'people'} onClick={() => toggle('people')}>
          <Icon name="people" />
          <span>People ({state.roster.length})</span>
          {waiters > 0 && <em class="count">{waiters} waiting</em>}
        </button>
        <button ref={chatButton} aria-expanded={panel === 'chat'} disabled={state.status.chat_enabled === false || state.waiting} onClick={() => toggle('chat')}>
          <Icon name="chat" />
          <span>Chat</span>
          {state.unread > 0 && panel !== 'chat' && <em class="count">{state.unread}</em>}
        </button>
        <button class="danger" onClick={() => p.session.leave()}>
          <Icon name="leave" />
          <span>Leave</span>
        </button>
      </footer>
    </div>
  );
}

// Where the person sees himself: over his own tile in the shared picture, at a
// free place of a picture of the others, under it on an upright phone, or
// small in its corner.
function selfPlace(state: MeetingState, box: Box): { kind: 'tile' | 'free' | 'below' | 'corner'; style?: Record<string, string> } {
  const own = state.waiting ? null : tileOf(state.view, state.layout, state.uuid);
  if (own) return { kind: 'tile', style: inTile(own, box) };
  if (box.below >= BELOW_MIN) return { kind: 'below' };
  const free = state.waiting ? null : freeTile(state.view, state.layout.length);
  if (free) return { kind: 'free', style: inTile(free, box) };
  // in the corner of the picture, not of the window
  return { kind: 'corner', style: { right: `${box.left + 12}px`, bottom: `${box.below + 12}px` } };
}

// On a small screen the names in the picture shrink with it: there the page
// writes them over the tiles at a size that can be read.
function Names(p: { state: MeetingState; box: Box }) {
  const { state, box } = p;
  if (!state.names || state.waiting || box.width === 0 || box.width >= SMALL_PICTURE) return null;
  const rows = state.roster.filter((r) => r.uuid !== state.uuid || state.videoOff);
  return (
    <>
      {rows.map((row) => {
        const tile = tileOf(state.view, state.layout, row.uuid);
        return (
          tile && (
            <div key={row.uuid} class="tile" style={inTile(tile, box)} aria-hidden="true">
              <span class="tile-name">{row.overlay_text || row.display_name}</span>
            </div>
          )
        );
      })}
    </>
  );
}

const SMALL_PICTURE = 640; // CSS pixels

const BELOW_MIN = 120; // the small view's height on a phone, and some room

function inTile(r: Rect, box: Box): Record<string, string> {
  const alone = r.width === 100;
  const gap = alone ? 0 : box.gap * box.scale;
  return {
    left: `${box.left + (r.left / 100) * box.width + gap}px`,
    top: `${box.top + (r.top / 100) * box.height + gap}px`,
    width: `${(r.width / 100) * box.width - 2 * gap}px`,
    height: `${(r.height / 100) * box.height - 2 * gap}px`,
    borderRadius: `${alone ? 0 : box.radius * box.scale}px`,
  };
}

function titleOf(state: MeetingState): string {
  const what = state.conference;
  if (state.call === 'lost') return `Reconnecting: ${what}`;
  if (state.waiting) return `Waiting: ${what}`;
  const news = state.unread + (state.host ? state.roster.filter((r) => r.service_type === 'waiting_room').length : 0);
  return news > 0 ? `(${news}) ${what}` : what;
}

function toggleScreen(session: Session): Promise<void> {
  return session.state.presenting ? session.stopPresenting() : session.present();
}

function floorText(state: MeetingState): string {
  if (state.presenting) return 'You are sharing your screen.';
  return state.presenter && !state.waiting ? `${state.presenter.name} presents.` : '';
}

function banner(connected: boolean, call: string): string {
  if (call === 'lost') return 'Reconnecting sound and picture…';
  if (!connected) return 'Connecting…';
  if (call === 'connecting') return 'Connecting sound and picture…';
  return '';
}
