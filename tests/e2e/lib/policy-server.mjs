// A policy server for tests: HTTPS with a certificate of a CA of its own.
// usage: policy-server.mjs DIR ADDRESS (ca.pem, server.pem and server.key in DIR)
// Says "port N", then one JSON line for each request. Ends when stdin does.
import { readFileSync } from 'node:fs';
import https from 'node:https';
import { join } from 'node:path';

const [dir, address] = process.argv.slice(2);

// What a browser could show begins like this; courier reads no further.
function jpeg(side, components = 3) {
  const frame = [8, side >> 8, side & 255, side >> 8, side & 255, components, ...Array(3 * components).fill(1)];
  return Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc0, 0, frame.length + 2, ...frame, 0xff, 0xd9]);
}

const REGISTRATIONS = {
  'carol@example.org': { status: 'success', action: 'continue', result: { username: 'carol', password: 'of the server' } },
  'open@example.org': { status: 'success', result: { username: '', password: '' } },
  'eve@example.org': { status: 'success', action: 'reject', result: {} },
  'mine@example.org': { status: 'success', action: 'continue', result: {} },
  'half@example.org': { status: 'success', result: { username: 'half' } },
};
const DIRECTORY = { status: 'success', result: [
  { alias: 'zoe@example.org', description: 'Of the server', username: 'secret' },
  { alias: 'bob@example.org', description: 'Known to both', username: '' },
] };
const AVATARS = { Alice: jpeg(100), Huge: jpeg(200), Ink: jpeg(100, 4) };

function answer(path, query) {
  const [, kind, name] = /^\/policy\/v1\/(registrations|participant\/avatar|participant\/location|participant\/properties|service\/configuration)\/?(.*)$/.exec(path) ?? [];
  const alias = decodeURIComponent(name ?? '');
  if (kind === 'registrations') return alias ? REGISTRATIONS[alias] : query.get('q') === 'mine' ? { ...DIRECTORY, ignore_local: true } : DIRECTORY;
  if (kind === 'participant/avatar') return AVATARS[alias];
  if (kind === 'participant/location') return { status: 'success', result: { location: 'Everywhere', overflow_locations: [] } };
  if (kind === 'participant/properties' && query.get('remote_display_name') === '+49 30 1234567')
    return { status: 'success', result: { remote_display_name: 'Telephone', remote_alias: 'withheld', call_tag: 'pstn' } };
  return undefined;
}

const server = https.createServer({ key: readFileSync(join(dir, 'server.key')), cert: readFileSync(join(dir, 'server.pem')) }, (req, res) => {
  const url = new URL(req.url, 'https://policy');
  console.log(JSON.stringify({ path: decodeURIComponent(url.pathname), query: Object.fromEntries(url.searchParams), authorization: req.headers.authorization }));
  const a = answer(url.pathname, url.searchParams);
  if (!a) res.writeHead(404).end();
  else if (Buffer.isBuffer(a)) res.writeHead(200, { 'content-type': 'image/jpeg' }).end(a);
  else res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(a));
});
server.listen(0, address, () => console.log(`port ${server.address().port}`));
process.stdin.on('end', () => process.exit(0)).resume();
