// The synthetic SIP device (tests/peer, conclave-device) in the town.
import { until } from './platform.mjs';
import { Child, own, program } from './peer.mjs';

export class Device {
  // Options are those of conclave-device (camelCase). Resolves when it is ready
  // to call or to be called.
  static async start(town, { ip, ...options }) {
    const d = new Device();
    town.run('ip', 'addr', 'replace', `${ip}/${ip.includes(':') ? 128 : 32}`, 'dev', 'lo');
    d.child = new Child(program('conclave-device'), own({ ip, ...options }), town.prefix);
    try {
      await d.child.line((l) => l.type === 'ready');
    } catch (e) {
      await d.end();
      throw e;
    }
    return d;
  }

  // The call stands.
  async connected(ms = 20000) {
    this.call = await this.child.line((l) => l.type === 'connected' || l.type === 'report', ms);
    if (this.call.type === 'report') throw new Error(`the call did not come about: ${JSON.stringify([this.call.error, this.call.code, this.call.reason])}`);
    return this.call;
  }

  registered() {
    return this.child.line((l) => l.type === 'registered');
  }

  keys(digits) {
    this.child.write(`keys ${digits}`);
  }

  order(text) {
    this.child.write(text);
  }

  async tell() {
    this.child.write('tell');
    return this.child.line((l) => l.type === 'so far');
  }

  // Waits until it has heard these keys.
  heard(keys, ms) {
    return until(`it hears the keys ${keys}`, async () => (await this.tell()).keys === keys, ms);
  }

  async result(ms = 60000) {
    const report = await this.child.line((l) => l.type === 'report', ms);
    await this.child.exited;
    return report;
  }

  stop() {
    if (!this.child.over) this.child.write('stop');
    return this.result();
  }

  end() {
    return this.child.end();
  }
}
