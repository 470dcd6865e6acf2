// Server-sent events over fetch: unlike EventSource it can carry the token in
// a header (not in a URL) and sees the status of the answer.

export interface ServerEvent {
  name: string;
  data: string;
}

// Feeds text in any pieces; hands out whole events. A block larger than the
// limit is an error of the server and ends the stream.
const BLOCK_MAX = 4 * 1024 * 1024;

export class SseParser {
  private rest = '';

  push(text: string): ServerEvent[] {
    const out: ServerEvent[] = [];
    this.rest += text.replace(/\r\n?/g, '\n');
    for (;;) {
      const end = this.rest.indexOf('\n\n');
      if (end < 0) break;
      const event = parseBlock(this.rest.slice(0, end));
      this.rest = this.rest.slice(end + 2);
      if (event) out.push(event);
    }
    if (this.rest.length > BLOCK_MAX) throw new Error('event too long');
    return out;
  }
}

function parseBlock(block: string): ServerEvent | null {
  let name = 'message';
  const data: string[] = [];
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) continue;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'event') name = value;
    if (field === 'data') data.push(value);
  }
  return data.length ? { name, data: data.join('\n') } : null;
}
