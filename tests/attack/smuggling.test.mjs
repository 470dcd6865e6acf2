// Requests that a proxy in front and we could frame differently. Each is
// followed on the same connection by a second request, the canary: the first
// must be refused and the canary must never be answered.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import tls from 'node:tls';
import { Platform } from '../e2e/lib/platform.mjs';

let platform;
before(async () => {
  platform = await Platform.start();
});
after(async () => {
  assert.deepEqual(await platform?.stop(), { code: 0, signal: null });
});

const H = 'Host: 127.0.0.1\r\n';
const canary = `GET /api/client/v2/status HTTP/1.1\r\n${H}\r\n`;
const post = (fields, body = '') => `POST /api/client/v2/status HTTP/1.1\r\n${H}${fields}\r\n${body}`;
const get = (fields) => `GET / HTTP/1.1\r\n${H}${fields}\r\n`;
const refused = {
  'both lengths': post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  'both lengths, the other order': post('Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'),
  chunked: post('Transfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  'chunked with a tab': post('Transfer-Encoding:\tchunked\r\n', '0\r\n\r\n'),
  'a coding we do not know': post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'),
  identity: post('Transfer-Encoding: identity\r\n'),
  'an empty coding': post('Transfer-Encoding:\r\n'),
  'two codings': post('Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  'a coding after a vertical tab': post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n'),
  'space before the colon': post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n'),
  'a tab before the colon': post('Content-Length\t: 0\r\n'),
  'a control byte in a name': post('Content\x00-Length: 0\r\n'),
  'a folded field': post('X: a\r\n Content-Length: 5\r\n'),
  'a folded first field': `GET / HTTP/1.1\r\n ${H}${H}\r\n`,
  'a length with a sign': post('Content-Length: +0\r\n'),
  'a negative length': post('Content-Length: -1\r\n'),
  'a length in hexadecimal': post('Content-Length: 0x0\r\n'),
  'a length with a space inside': post('Content-Length: 0 0\r\n'),
  'a list of equal lengths': post('Content-Length: 0, 0\r\n'),
  'equal lengths twice': post('Content-Length: 0\r\nContent-Length: 0\r\n'),
  'lengths in two cases': post('Content-Length: 0\r\ncONTENT-lENGTH: 5\r\n', '12345'),
  'an empty length': post('Content-Length: \r\n'),
  'a length of 2^64': post('Content-Length: 18446744073709551616\r\n'),
  'a length of 2^64 + 5': post('Content-Length: 18446744073709551621\r\n', '12345'),
  'a length of 2^32': post('Content-Length: 4294967296\r\n'),
  'a body on GET': get('Content-Length: 5\r\n') + 'hello',
  'a bare line feed': `GET / HTTP/1.1\n${H}\r\n`,
  'a bare line feed in the fields': `GET / HTTP/1.1\r\n${H}X: a\nY: b\r\n\r\n`,
  'a bare carriage return': get('X: a\rContent-Length: 5\r\n'),
  'a NUL in a value': get('X: a\x00b\r\n'),
  'two hosts': get(H),
  'an absolute target': `GET https://127.0.0.1/ HTTP/1.1\r\n${H}\r\n`,
  'an absolute target of another': `GET https://evil.example/ HTTP/1.1\r\n${H}\r\n`,
  'a target without a slash': `GET x HTTP/1.1\r\n${H}\r\n`,
  'a fragment': `GET /#x HTTP/1.1\r\n${H}\r\n`,
  'HTTP/1.0': `GET / HTTP/1.0\r\n${H}\r\n`,
  'HTTP/1.10': `GET / HTTP/1.10\r\n${H}\r\n`,
  'HTTP/0.9': 'GET /\r\n\r\n',
  'HTTP/2 preface': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  CONNECT: `CONNECT 127.0.0.1:22 HTTP/1.1\r\n${H}\r\n`,
  TRACE: `TRACE / HTTP/1.1\r\n${H}\r\n`,
  'two spaces': `GET  / HTTP/1.1\r\n${H}\r\n`,
  'a tab for a space': `GET\t/ HTTP/1.1\r\n${H}\r\n`,
  'an empty line first': `\r\nGET / HTTP/1.1\r\n${H}\r\n`,
  'a foreign host': 'GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n',
  'an empty host': 'GET / HTTP/1.1\r\nHost:\r\n\r\n',
  'user info in the host': 'GET / HTTP/1.1\r\nHost: evil@127.0.0.1\r\n\r\n',
  'a path in the host': 'GET / HTTP/1.1\r\nHost: 127.0.0.1/evil\r\n\r\n',
};

function send(text) {
  return new Promise((ok, bad) => {
    let got = '';
    const s = tls.connect({ port: platform.port, host: '127.0.0.1', rejectUnauthorized: false }, () => s.write(Buffer.from(text, 'latin1')));
    const timer = setTimeout(() => { s.destroy(); bad(new Error(`still open after: ${got}`)); }, 8000);
    s.on('data', (d) => { got += d.toString('latin1'); });
    s.on('error', () => {});
    s.on('close', () => { clearTimeout(timer); ok(got); });
  });
}

for (const [name, text] of Object.entries(refused))
  test(`refused: ${name}`, async () => {
    const got = await send(text + canary);
    assert.match(got, /^HTTP\/1\.1 (400|405|413|414|417|421|431|501|505) /);
    assert.equal(got.split('HTTP/1.1 ').length, 2, got);
  });

test('the canary itself is answered twice', async () => {
  const got = await send(canary + canary.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  assert.equal(got.split('HTTP/1.1 200 ').length, 3, got);
});

// 403: a name like any other, so it is asked for its PIN.
const odd = {
  '/api/client/v2/conferences/%2e%2e/request_token': 400,
  '/api/client/v2/conferences/%252e%252e/request_token': 403,
  '/api/client/v2/conferences/..%2f..%2fetc/request_token': 403,
  '/api/client/v2/conferences/%00/request_token': 400,
  '/api/client/v2/conferences/%0d%0aX:%20y/request_token': 400,
  '/api/client/v2/conferences/%c0%ae%c0%ae/request_token': 400,
  '/api/client/v2/conferences/%ff/request_token': 400,
  '/api/client/v2/conferences/%/request_token': 400,
  '/api/client/v2/conferences/%2/request_token': 400,
  '/api/client/v2/conferences//request_token': 400,
  [`/api/client/v2/conferences/${'a'.repeat(3000)}/request_token`]: 400,
  [`/api/client/v2/conferences/${'a'.repeat(251)}/request_token`]: 404,
};
for (const [path, status] of Object.entries(odd))
  test(`odd path: ${path.slice(0, 60)}`, async () => {
    const got = await send(`POST ${path} HTTP/1.1\r\n${H}Connection: close\r\nContent-Length: 2\r\n\r\n{}`);
    assert.equal(Number(got.split(' ')[1]), status, got);
    assert.doesNotMatch(got, /\nX: y/);
  });

const files = ['/../etc/passwd', '/assets/../../etc/passwd', '/assets/%2e%2e/%2e%2e/etc/passwd', '/assets/..%2f..%2fetc/passwd', '/.hidden',
  '/assets', '/assets/', '//etc/passwd', '/meet/../../etc/passwd', '/index.html%00.js', '/%69ndex.html'];
for (const path of files)
  test(`no such file: ${path}`, async () => {
    const got = await send(`GET ${path} HTTP/1.1\r\n${H}Connection: close\r\n\r\n`);
    assert.match(got, /^HTTP\/1\.1 (400|404) /, got);
  });
