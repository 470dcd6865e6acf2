// A meeting as the page sees it: token, event stream, roster, call. One
// object, one state, listeners told on each change. After a lost connection it
// comes back by itself: newest token first, then the reconnect credential.
import { ApiError, Client, requestToken, type ConferenceStatus, type Joined, type Row } from './api';
import { Call, type CallState } from './call';
import { loadChoice, openDevices } from './devices';
import { peerConfig } from './ice';
import { proofsFor, rememberReconnect } from './invitation';
import { openScreen } from './screen';
import { SseParser, type ServerEvent } from './sse';

export interface ChatLine {
  id: number;
  origin: string;
  own: boolean;
  text: string;
  time: Date;
}

export interface MeetingState {
  alias: string;
  uuid: string;
  name: string;
  conference: string;
  host: boolean;
  waiting: boolean;
  status: ConferenceStatus;
  roster: Row[];
  view: string;
  layout: string[];
  names: boolean; // drawn into the tiles
  speakers: string[];
  chat: ChatLine[];
  unread: number;
  call: CallState;
  connected: boolean; // the event stream
  muted: boolean; // by the person
  mutedByHost: boolean;
  videoOff: boolean;
  presenting: boolean; // the own screen is shown to the others
  presenter: { uuid: string; name: string } | null; // who else presents
  notice: string;
  ended: string | null; // reason, once over
}

const STREAM_RETRY_MS = [100, 200, 400, 800, 1500, 3000];
const CHAT_MAX = 500;

export class Session {
  state: MeetingState;
  call: Call;
  private client: Client;
  private reconnect: string | null;
  private rows = new Map<string, Row>();
  private syncing = false;
  private hadMedia = false;
  private abort = new AbortController();
  private refreshTimer: ReturnType<typeof setTimeout> | undefined;
  private listeners = new Set<() => void>();
  private chatId = 0;
  private over = false;

  constructor(
    alias: string,
    joined: Joined,
    readonly local: MediaStream,
  ) {
    this.client = new Client(alias, joined.participant_uuid, joined.token);
    this.reconnect = joined.reconnect ?? null;
    this.state = {
      alias,
      uuid: joined.participant_uuid,
      name: joined.display_name,
      conference: joined.conference_name || alias,
      host: joined.role === 'HOST',
      waiting: joined.current_service_type === 'waiting_room',
      status: { locked: false, guests_muted: false, started: false, chat_enabled: joined.chat_enabled ?? true },
      roster: [],
      view: '1:7',
      layout: [],
      names: false,
      speakers: [],
      chat: [],
      unread: 0,
      call: 'connecting',
      connected: false,
      muted: local.getAudioTracks().length === 0,
      mutedByHost: false,
      videoOff: local.getVideoTracks().length === 0,
      presenting: false,
      presenter: null,
      notice: '',
      ended: null,
    };
    rememberReconnect(alias, this.reconnect);
    this.call = new Call(this.client, local, peerConfig(joined), (call) => this.set({ call }));
    this.armRefresh(Number(joined.expires));
    void this.stream();
    this.call.start();
    const watch = () => void this.devicesChanged();
    navigator.mediaDevices?.addEventListener('devicechange', watch);
    this.abort.signal.addEventListener('abort', () => navigator.mediaDevices?.removeEventListener('devicechange', watch));
    this.local.getTracks().forEach((t) => t.addEventListener('ended', watch));
  }

  subscribe(fn: () => void): () => void {
    this.listeners.add(fn);
    return () => this.listeners.delete(fn);
  }

  private set(part: Partial<MeetingState>): void {
    this.state = { ...this.state, ...part };
    for (const fn of this.listeners) fn();
  }

  // --- what the person does ---------------------------------------------------

  async toggleMute(): Promise<void> {
    const muted = !this.state.muted;
    this.local.getAudioTracks().forEach((t) => (t.enabled = !muted));
    this.set({ muted });
    await this.attempt(this.client.self_(muted ? 'client_mute' : 'client_unmute'));
    if (!muted && this.state.mutedByHost) await this.attempt(this.client.self_('unmute'));
  }

  async toggleVideo(): Promise<void> {
    const videoOff = !this.state.videoOff;
    this.local.getVideoTracks().forEach((t) => (t.enabled = !videoOff));
    this.set({ videoOff });
    await this.attempt(this.client.self_(videoOff ? 'video_muted' : 'video_unmuted'));
  }

  // Screen first, floor second: the browser asks the person only right after
  // he pressed something.
  private screen: MediaStreamTrack | null = null;
  private opening = false;
  async present(): Promise<void> {
    if (this.opening || this.screen || this.over) return;
    this.opening = true;
    const got = await openScreen();
    this.opening = false;
    if ('problem' in got) {
      if (got.problem) this.set({ notice: got.problem });
      return;
    }
    if (this.over) {
      got.track.stop();
      return;
    }
    this.screen = got.track;
    this.justLost = false;
    got.track.addEventListener('ended', () => void this.stopPresenting());
    try {
      await this.client.self_('take_floor');
    } catch (e) {
      const refused = e instanceof ApiError && e.status === 403;
      this.endScreen(refused ? floorRefused(this.state) : 'That did not reach the meeting. Try again.');
      return;
    }
    // meanwhile it may have ended, or somebody else may have taken over
    if (this.screen !== got.track) return;
    await this.call.share(got.track);
    this.set({ presenting: true, presenter: null, notice: '' });
  }

  async stopPresenting(): Promise<void> {
    if (!this.screen) return;
    this.endScreen('');
    await this.client.self_('release_floor').catch(() => undefined); // the floor is free with the call at the latest
  }

  private endScreen(notice: string): void {
    this.screen?.stop();
    this.screen = null;
    void this.call.share(null);
    this.set({ presenting: false, notice });
  }

  // Somebody else presents now, or nobody (null).
  private presented(by: { uuid: string; name: string } | null): void {
    const was = this.screen !== null || this.justLost;
    this.justLost = false;
    this.set({ presenter: by });
    if (by && was) this.endScreen(`${by.name || 'Somebody else'} presents now.`);
  }

  // A microphone or camera that was pulled out ends its track: go on with what
  // is there now. Nothing happens while all tracks live.
  private reopening = false;
  private async devicesChanged(): Promise<void> {
    const dead = this.local.getTracks().filter((t) => t.readyState === 'ended');
    if (dead.length === 0 || this.over || this.reopening) return;
    this.reopening = true;
    const choice = loadChoice();
    const { stream, problem } = await openDevices({ ...choice, withVideo: dead.some((t) => t.kind === 'video') });
    this.reopening = false;
    for (const t of stream.getTracks()) {
      const old = dead.find((d) => d.kind === t.kind);
      if (this.over || !old) {
        t.stop();
        continue;
      }
      t.enabled = t.kind === 'audio' ? !this.state.muted : !this.state.videoOff;
      t.addEventListener('ended', () => void this.devicesChanged());
      this.local.removeTrack(old);
      this.local.addTrack(t);
    }
    if (this.over) return;
    await this.call.replace(this.local);
    this.set({ notice: problem });
  }

  sendChat(text: string): void {
    this.addChat(this.state.name, text, true);
    void this.attempt(this.client.chat(text));
  }

  chatSeen(): void {
    if (this.state.unread) this.set({ unread: 0 });
  }

  control(what: Parameters<Client['conference']>[0]): void {
    void this.attempt(this.client.conference(what));
  }

  person(uuid: string, what: Parameters<Client['participant']>[1]): void {
    void this.attempt(this.client.participant(uuid, what));
  }

  leave(): void {
    if (this.over) return;
    this.client.release();
    this.finish('You left the meeting.');
  }

  // The page goes away. Perhaps it is only loaded again: then it may come back
  // without a PIN, while the meeting goes on.
  hide(): void {
    const { reconnect } = this;
    const { alias } = this.state;
    this.leave();
    if (reconnect) rememberReconnect(alias, reconnect);
  }

  private async attempt(p: Promise<unknown>): Promise<void> {
    try {
      await p;
      if (this.state.notice) this.set({ notice: '' });
    } catch (e) {
      const refused = e instanceof ApiError && e.status === 403;
      this.set({ notice: refused ? 'You are not allowed to do that.' : 'That did not reach the meeting. Try again.' });
    }
  }

  private finish(reason: string): void {
    if (this.over) return;
    this.over = true;
    rememberReconnect(this.state.alias, null);
    clearTimeout(this.refreshTimer);
    this.abort.abort();
    this.call.close();
    this.local.getTracks().forEach((t) => t.stop());
    this.screen?.stop();
    this.set({ ended: reason });
  }

  // --- token --------------------------------------------------------------------

  private armRefresh(expires_s: number): void {
    clearTimeout(this.refreshTimer);
    this.refreshTimer = setTimeout(() => void this.refresh(), Math.max(5, expires_s / 3) * 1000);
  }

  private async refresh(): Promise<void> {
    if (this.over) return;
    try {
      const r = await this.client.refresh();
      if (r.role) this.set({ host: r.role === 'HOST' });
      this.armRefresh(Number(r.expires));
    } catch (e) {
      if (e instanceof ApiError && e.status === 403) {
        await this.comeBack();
        return;
      }
      this.refreshTimer = setTimeout(() => void this.refresh(), 2000);
    }
  }

  // The token is dead. With the credential of the last join the meeting lets
  // us in again without a PIN; without it, or when it was revoked, it is over.
  private returning: Promise<void> | null = null;
  private comeBack(): Promise<void> {
    this.returning ??= this.comeBackOnce().finally(() => (this.returning = null));
    return this.returning;
  }

  private async comeBackOnce(): Promise<void> {
    for (let i = 0; !this.over; i++) {
      try {
        const answer = await requestToken(this.state.alias, this.state.name, {
          pin: null,
          reconnect: this.reconnect,
          invitation: proofsFor(this.state.alias).invitation,
        });
        if (answer.kind === 'joined') {
          this.adopt(answer.joined);
          return;
        }
        if (answer.kind !== 'busy') {
          this.finish('The meeting ended, or you were removed from it.');
          return;
        }
      } catch {
        // the network: keep trying
      }
      await pause(STREAM_RETRY_MS[Math.min(i, STREAM_RETRY_MS.length - 1)] ?? 3000, this.abort.signal);
    }
  }

  private adopt(joined: Joined): void {
    this.client = new Client(this.state.alias, joined.participant_uuid, joined.token);
    this.reconnect = joined.reconnect ?? this.reconnect;
    rememberReconnect(this.state.alias, this.reconnect);
    this.set({
      uuid: joined.participant_uuid,
      host: joined.role === 'HOST',
      waiting: joined.current_service_type === 'waiting_room',
    });
    this.armRefresh(Number(joined.expires));
    this.call.moveTo(this.client, peerConfig(joined));
    if (this.state.muted) void this.attempt(this.client.self_('client_mute'));
  }

  // --- event stream ---------------------------------------------------------------

  private async stream(): Promise<void> {
    for (let i = 0; !this.over; i++) {
      const ok = await this.streamOnce();
      if (this.over) return;
      this.set({ connected: false });
      if (ok) i = 0;
      await pause(STREAM_RETRY_MS[Math.min(i, STREAM_RETRY_MS.length - 1)] ?? 3000, this.abort.signal);
    }
  }

  // True when events came.
  private async streamOnce(): Promise<boolean> {
    let any = false;
    try {
      const res = await this.client.events(this.abort.signal);
      if (res.status === 403) {
        await this.comeBack();
        return false;
      }
      if (res.status !== 200 || !res.body) return false;
      const parser = new SseParser();
      const reader = res.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return any;
        for (const event of parser.push(value)) {
          any = true;
          this.handle(event);
        }
      }
    } catch {
      return any;
    }
  }

  private handle(event: ServerEvent): void {
    let data: any;
    try {
      data = JSON.parse(event.data);
    } catch {
      return;
    }
    switch (event.name) {
      case 'participant_sync_begin':
        this.rows.clear();
        this.syncing = true;
        break;
      case 'participant_sync_end':
        this.syncing = false;
        this.set({ connected: true });
        this.roster();
        break;
      case 'participant_create':
      case 'participant_update':
        this.rows.set(data.uuid, data as Row);
        this.roster();
        break;
      case 'participant_delete':
        this.rows.delete(data.uuid);
        this.roster();
        break;
      case 'conference_update':
        this.set({ status: { ...this.state.status, ...data } });
        break;
      case 'layout':
        this.set({ view: data.view, layout: data.participants ?? [], names: data.overlay_text_enabled === true });
        break;
      case 'stage':
        if (Array.isArray(data)) this.set({ speakers: data.filter((s) => s.vad > 0).map((s) => s.participant_uuid) });
        break;
      case 'presentation_start':
        this.presented({ uuid: String(data?.presenter_uuid ?? ''), name: String(data?.presenter_name ?? '') });
        break;
      case 'presentation_stop':
        this.presented(null);
        break;
      case 'message_received':
        if (String(data.type).startsWith('text/plain')) this.addChat(String(data.origin), String(data.payload), false);
        break;
      case 'refresh_token':
        void this.refresh();
        break;
      case 'call_disconnected':
        this.callAgain();
        break;
      case 'disconnect':
        this.finish(reasonText(String(data?.reason ?? '')));
        break;
    }
  }

  private roster(): void {
    if (this.syncing) return;
    const roster = [...this.rows.values()].sort((a, b) => a.start_time - b.start_time || (a.uuid < b.uuid ? -1 : 1));
    const me = this.rows.get(this.state.uuid);
    const part: Partial<MeetingState> = { roster };
    if (me) {
      part.host = me.role === 'chair';
      part.waiting = me.service_type === 'waiting_room';
      part.mutedByHost = me.is_muted === 'YES';
      part.name = me.display_name;
    }
    // after a gap of the event stream a stop may have been missed
    if (this.state.presenter && !roster.some((r) => r.uuid === this.state.presenter?.uuid && r.is_presenting === 'YES')) part.presenter = null;
    this.set(part);
    if (!me) return;
    this.watchFloor(me.is_presenting === 'YES');
    this.watchMedia(me.has_media);
  }

  // The meeting took the floor from us; who has it now is told right after.
  private hadFloor = false;
  private justLost = false;
  private watchFloor(has: boolean): void {
    const lost = this.hadFloor && !has && this.state.presenting;
    this.hadFloor = has;
    if (!lost) return;
    this.justLost = true;
    this.endScreen('Your presentation was ended.');
  }

  // The server lost our media while our side still believes in them: ICE would
  // notice only after many seconds.
  private watchMedia(has: boolean): void {
    const lost = this.hadMedia && !has && this.state.call === 'up';
    this.hadMedia = has;
    if (lost) this.callAgain();
  }

  private callAgain(): void {
    this.set({ call: 'lost' });
    this.call.restart();
  }

  private addChat(origin: string, text: string, own: boolean): void {
    const line: ChatLine = { id: ++this.chatId, origin, own, text, time: new Date() };
    const chat = [...this.state.chat, line].slice(-CHAT_MAX);
    this.set({ chat, unread: own ? this.state.unread : this.state.unread + 1 });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const t = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(t);
      resolve();
    });
  });
}

function floorRefused(state: MeetingState): string {
  if (!state.host && state.status.guests_can_present === false) return 'Only hosts may present in this meeting.';
  if (state.presenter) return `${state.presenter.name || 'Somebody else'} is presenting. A host can take over.`;
  return 'You may not present now.';
}

// Why a join was refused, in words for the person. A text that we do not know
// is what the meeting's administrator wrote. The reference is what an
// administrator finds the refusal by.
export function refusalText(reason: string, reference: string): string {
  return reference ? `${refusal(reason)} (reference ${reference})` : refusal(reason);
}

function refusal(reason: string): string {
  switch (reason) {
    case 'Participant limit reached':
      return 'The meeting is full.';
    case 'Participant exceeded PIN entry retries':
      return 'Too many tries. Wait some minutes, and check the PIN with your host.';
    case 'Call rejected':
    case '':
      return 'You may not join this meeting.';
    default:
      return `You may not join this meeting: ${reason}`;
  }
}

// The API's reasons, in words for the person.
export function reasonText(reason: string): string {
  switch (reason) {
    case 'Disconnected by another participant':
      return 'A host removed you from the meeting.';
    case 'Conference terminated by another participant':
      return 'A host ended the meeting for everyone.';
    case 'Timeout waiting for conference host to join or permit access to locked conference':
      return 'Nobody let you in within the waiting time.';
    case 'All conference hosts departed hosted conference':
      return 'The last host left, and the meeting ended.';
    case 'Disconnected by an administrator':
    case 'Conference terminated by an administrator':
    case 'API initiated participant disconnect':
      return 'An administrator ended your connection.';
    case 'Last remaining participant removed from conference after timeout':
      return 'You were alone for long, and the meeting ended.';
    case '':
      return 'The meeting ended.';
    default:
      return `The meeting ended: ${reason}.`;
  }
}
