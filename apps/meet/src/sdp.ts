// Small changes to our own offer, before it is set. Pure.

const CRLF = '\r\n';

// Asks for NACK on sound too: browsers offer it for pictures only but do
// repair sound when the other side agrees. Unknown shapes pass unchanged.
export function withAudioNack(sdp: string): string {
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => (section.startsWith('m=audio ') ? sectionWithNack(section) : section))
    .join('');
}

// Says which section carries presentations (RFC 4796).
export function withSlides(sdp: string, mid: string | null): string {
  if (mid === null) return sdp;
  const line = 'a=content:slides';
  return sdp
    .split(/(?=^m=)/m)
    .map((section) => {
      const lines = section.split(CRLF);
      const at = lines.indexOf(`a=mid:${mid}`);
      if (!section.startsWith('m=video ') || at < 0 || lines.includes(line)) return section;
      lines.splice(at + 1, 0, line);
      return lines.join(CRLF);
    })
    .join('');
}

function sectionWithNack(section: string): string {
  const lines = section.split(CRLF);
  const at = lines.findIndex((l) => /^a=rtpmap:\d+ opus\/48000/i.test(l));
  const pt = /^a=rtpmap:(\d+)/.exec(lines[at] ?? '')?.[1];
  if (!pt) return section;
  const line = `a=rtcp-fb:${pt} nack`;
  if (!lines.includes(line)) lines.splice(at + 1, 0, line);
  return lines.join(CRLF);
}
