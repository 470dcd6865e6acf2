// The WebRTC call: one peer connection, renegotiated when the network changes
// and made anew when the server's side is gone.
import { ApiError, type Client } from './api';
import { withAudioNack, withSlides } from './sdp';

export type CallState = 'connecting' | 'up' | 'lost';

const RETRY_MS = [0, 250, 500, 1000, 1000, 2000, 2000, 3000];
const GRACE_MS = 1500; // "disconnected" may heal by itself

export class Call {
  private pc: RTCPeerConnection | null = null;
  private uuid = '';
  private busy = false;
  private again = false;
  private tries = 0;
  private closed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private slidesWay: RTCRtpTransceiver | null = null;
  private screen: MediaStreamTrack | null = null;
  readonly remote = new MediaStream();
  readonly slides = new MediaStream(); // what others present

  constructor(
    private client: Client,
    private local: MediaStream,
    private config: RTCConfiguration,
    private tell: (state: CallState) => void,
  ) {}

  // After the session was replaced (reconnect): a new participant, a new call.
  moveTo(client: Client, config: RTCConfiguration): void {
    this.client = client;
    this.config = config;
    this.restart();
  }

  restart(): void {
    this.tries = 0;
    this.drop();
    this.schedule(0);
  }

  start(): void {
    this.schedule(0);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.drop();
  }

  async stats(): Promise<RTCStatsReport | null> {
    return this.pc ? this.pc.getStats() : null;
  }

  async replace(stream: MediaStream): Promise<void> {
    this.local = stream;
    for (const t of this.pc?.getTransceivers() ?? []) {
      if (t === this.slidesWay) continue;
      const kind = t.receiver.track.kind;
      await t.sender.replaceTrack(stream.getTracks().find((x) => x.kind === kind) ?? null);
    }
  }

  // The way for presentations is there from the start: beginning and ending
  // needs no negotiation.
  async share(track: MediaStreamTrack | null): Promise<void> {
    this.screen = track;
    await this.slidesWay?.sender.replaceTrack(track);
  }

  private drop(): void {
    if (this.pc) {
      this.pc.onconnectionstatechange = null;
      this.pc.ontrack = null;
      this.pc.close();
    }
    this.pc = null;
    this.slidesWay = null;
    this.uuid = '';
  }

  private schedule(ms: number): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => void this.negotiate(), ms);
  }

  private fail(): void {
    this.tell('lost');
    this.tries = Math.min(this.tries + 1, RETRY_MS.length - 1);
    this.schedule(RETRY_MS[this.tries] ?? 3000);
  }

  private make(): RTCPeerConnection {
    const pc = new RTCPeerConnection(this.config);
    const audio = this.local.getAudioTracks()[0];
    const video = this.local.getVideoTracks()[0];
    pc.addTransceiver(audio ?? 'audio', { direction: 'sendrecv', streams: [this.local] });
    pc.addTransceiver(video ?? 'video', { direction: 'sendrecv', streams: [this.local] });
    const slides = pc.addTransceiver(this.screen ?? 'video', { direction: 'sendrecv' });
    this.slidesWay = slides;
    pc.ontrack = (e) => {
      const to = e.transceiver === slides ? this.slides : this.remote;
      for (const old of to.getTracks()) if (old.kind === e.track.kind) to.removeTrack(old);
      to.addTrack(e.track);
      this.tell('connecting');
    };
    pc.onconnectionstatechange = () => this.changed(pc);
    return pc;
  }

  private changed(pc: RTCPeerConnection): void {
    if (pc !== this.pc) return;
    if (pc.connectionState === 'connected') {
      this.tries = 0;
      clearTimeout(this.timer);
      this.tell('up');
    } else if (pc.connectionState === 'disconnected') {
      this.schedule(GRACE_MS);
    } else if (pc.connectionState === 'failed') {
      this.tell('lost');
      this.schedule(0);
    }
  }

  // One negotiation at a time: a first offer, or an ICE restart of a call that
  // lives. Whatever goes wrong ends in a fresh call.
  private async negotiate(): Promise<void> {
    if (this.busy) {
      this.again = true;
      return;
    }
    this.busy = true;
    try {
      await this.once();
    } catch (e) {
      const gone = e instanceof ApiError && (e.status === 403 || e.status === 404 || e.status === 504);
      if (gone || !this.uuid) this.drop();
      if (!this.closed) this.fail();
    } finally {
      this.busy = false;
    }
    if (this.again && !this.closed) {
      this.again = false;
      this.schedule(0);
    }
  }

  private async once(): Promise<void> {
    if (this.pc?.connectionState === 'connected') return;
    const first = !this.pc;
    const pc = this.pc ?? (this.pc = this.make());
    const offer = await pc.createOffer({ iceRestart: !first });
    await pc.setLocalDescription({ type: 'offer', sdp: withAudioNack(offer.sdp ?? '') });
    const sdp = withSlides(pc.localDescription?.sdp ?? '', this.slidesWay?.mid ?? null);
    let answer: string;
    if (this.uuid) {
      answer = await this.client.updateCall(this.uuid, sdp);
    } else {
      const made = await this.client.startCall(sdp);
      this.uuid = made.call_uuid;
      answer = made.sdp;
    }
    if (pc !== this.pc) return;
    await pc.setRemoteDescription({ type: 'answer', sdp: answer });
    await this.client.ack(this.uuid);
    // not connected in good time: try again from the start
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (pc === this.pc && pc.connectionState !== 'connected') {
        this.drop();
        this.fail();
      }
    }, 8000);
  }
}
