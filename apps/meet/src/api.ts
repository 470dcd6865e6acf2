// The client API, as the public reference describes it. Nothing else is used.

export interface Row {
  uuid: string;
  display_name: string;
  overlay_text?: string;
  role: 'chair' | 'guest';
  service_type: string;
  protocol: string;
  has_media: boolean;
  is_muted: 'YES' | 'NO';
  is_client_muted: boolean;
  is_video_muted: boolean;
  is_presenting: 'YES' | 'NO';
  start_time: number;
  buzz_time: number;
}

export interface ConferenceStatus {
  locked: boolean;
  guests_muted: boolean;
  started: boolean;
  chat_enabled?: boolean;
  guests_can_present?: boolean;
}

export interface Joined {
  token: string;
  expires: string;
  participant_uuid: string;
  display_name: string;
  role: 'HOST' | 'GUEST';
  current_service_type: string;
  conference_name?: string;
  chat_enabled?: boolean;
  bandwidth_in?: number;
  reconnect?: string;
  stun?: { url: string }[];
  turn?: { urls: string[]; username?: string; credential?: string }[];
  use_relay_candidates_only?: boolean;
}

// What may stand beside the name in a join.
export interface Proofs {
  pin: string | null;
  reconnect: string | null;
  invitation: string | null;
}

export type JoinAnswer =
  | { kind: 'joined'; joined: Joined }
  | { kind: 'pin'; guestMayPass: boolean; seconds: number }
  | { kind: 'refused'; text: string; reference: string }
  | { kind: 'missing' }
  | { kind: 'busy' };

const TIMEOUT_MS = 15000;
// in a meeting that is being guessed at, a newcomer's turn may come late
const JOIN_TIMEOUT_MS = 45000;

export class ApiError extends Error {
  constructor(readonly status: number, text: string) {
    super(text);
  }
}

async function post(path: string, headers: Record<string, string>, body?: unknown, signal = AbortSignal.timeout(TIMEOUT_MS)): Promise<Response> {
  const init: RequestInit = { method: 'POST', headers, cache: 'no-store', signal };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    headers['Content-Type'] = 'application/json';
  }
  return fetch(path, init);
}

export function conferenceUrl(alias: string): string {
  return `/api/client/v2/conferences/${encodeURIComponent(alias)}/`;
}

// Ends at `cancel`, or when no answer came in time.
function joinSignal(cancel: AbortSignal | undefined): AbortSignal {
  const end = new AbortController();
  const stop = (): void => end.abort();
  const timer = setTimeout(stop, JOIN_TIMEOUT_MS);
  end.signal.addEventListener('abort', () => clearTimeout(timer));
  cancel?.addEventListener('abort', stop);
  return end.signal;
}

export async function requestToken(alias: string, name: string, proofs: Proofs, cancel?: AbortSignal): Promise<JoinAnswer> {
  const headers: Record<string, string> = {};
  if (proofs.pin !== null) headers['pin'] = proofs.pin;
  const body: Record<string, unknown> = { display_name: name, direct_media: false, supports_direct_chat: false };
  if (proofs.reconnect) body['reconnect'] = proofs.reconnect;
  if (proofs.invitation) body['invitation'] = proofs.invitation;
  const res = await post(conferenceUrl(alias) + 'request_token', headers, body, joinSignal(cancel));
  if (res.status === 404) return { kind: 'missing' };
  if (res.status === 502 || res.status === 503 || res.status === 504 || res.status === 529) return { kind: 'busy' };
  const json = await res.json();
  if (res.status === 200) return { kind: 'joined', joined: json.result as Joined };
  if (res.status === 403 && typeof json.result === 'object' && json.result !== null && json.result.pin === 'required')
    return { kind: 'pin', guestMayPass: json.result.guest_pin === 'none', seconds: Number(json.result.pin_entry_timeout) || 0 };
  const said = (x: unknown): string => (typeof x === 'string' ? x : '');
  return { kind: 'refused', text: said(json.result), reference: said(json.reference) };
}

// One participant's calls. The token changes under way: always read it late.
export class Client {
  constructor(readonly alias: string, readonly uuid: string, public token: string) {}

  private get base(): string {
    return conferenceUrl(this.alias);
  }

  private get self(): string {
    return `${this.base}participants/${this.uuid}/`;
  }

  private async call(path: string, body?: unknown): Promise<any> {
    const res = await post(path, { token: this.token }, body);
    if (res.status !== 200) throw new ApiError(res.status, await res.text());
    return (await res.json()).result;
  }

  async refresh(): Promise<{ token: string; expires: string; role?: 'HOST' | 'GUEST' }> {
    const result = await this.call(this.base + 'refresh_token');
    this.token = result.token;
    return result;
  }

  release(): void {
    // keepalive: the page may be going away; the token stays in a header
    void fetch(this.base + 'release_token', { method: 'POST', headers: { token: this.token }, keepalive: true }).catch(() => undefined);
  }

  async events(signal: AbortSignal): Promise<Response> {
    return fetch(this.base + 'events', { headers: { token: this.token, Accept: 'text/event-stream' }, cache: 'no-store', signal });
  }

  startCall(sdp: string): Promise<{ call_uuid: string; sdp: string }> {
    return this.call(this.self + 'calls', { call_type: 'WEBRTC', media_type: 'video', sdp, fecc_supported: false });
  }

  async updateCall(call: string, sdp: string): Promise<string> {
    const result = await this.call(`${this.self}calls/${call}/update`, { sdp, fecc_supported: false });
    return typeof result === 'string' ? result : result.sdp;
  }

  ack(call: string): Promise<boolean> {
    return this.call(`${this.self}calls/${call}/ack`, {});
  }

  self_(what: 'client_mute' | 'client_unmute' | 'video_muted' | 'video_unmuted' | 'unmute' | 'buzz' | 'clearbuzz' | 'take_floor' | 'release_floor'): Promise<boolean | null> {
    return this.call(this.self + what);
  }

  participant(uuid: string, what: 'mute' | 'unmute' | 'disconnect' | 'unlock'): Promise<boolean> {
    return this.call(`${this.base}participants/${uuid}/${what}`);
  }

  conference(what: 'lock' | 'unlock' | 'muteguests' | 'unmuteguests' | 'disconnect' | 'start_conference'): Promise<boolean> {
    return this.call(this.base + what);
  }

  chat(payload: string): Promise<boolean> {
    return this.call(this.base + 'message', { type: 'text/plain', payload });
  }
}
