// @ts-nocheck: runs under node's test runner, not in the page
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ownTile } from '../src/layout';
import { reasonText } from '../src/session';
import { SseParser } from '../src/sse';

test('sse: events arrive whole whatever the pieces', () => {
  const text = 'id: 1\nevent: layout\ndata: {"a":1}\n\n:\n\nevent: stage\ndata: []\n\n';
  for (let cut = 1; cut < text.length; cut++) {
    const p = new SseParser();
    const got = [...p.push(text.slice(0, cut)), ...p.push(text.slice(cut))];
    assert.deepEqual(got, [
      { name: 'layout', data: '{"a":1}' },
      { name: 'stage', data: '[]' },
    ]);
  }
});

test('sse: a block without data is no event, several data lines are one', () => {
  const p = new SseParser();
  assert.deepEqual(p.push('event: x\n\ndata: a\ndata:b\n\n'), [{ name: 'message', data: 'a\nb' }]);
});

test('sse: an endless block ends the stream', () => {
  const p = new SseParser();
  assert.throws(() => p.push('data: ' + 'x'.repeat(5 * 1024 * 1024)));
});

test('layout: own tile follows the composer', () => {
  assert.equal(ownTile('1:7', ['a', 'b'], 'c'), null);
  assert.deepEqual(ownTile('1:7', ['a'], 'a'), { left: 0, top: 0, width: 100, height: 100 });
  assert.deepEqual(ownTile('1:7', ['a', 'b'], 'b'), { left: 75, top: 37.5, width: 25, height: 25 });
  assert.deepEqual(ownTile('4:0', ['a', 'b', 'c', 'd'], 'd'), { left: 50, top: 50, width: 50, height: 50 });
  assert.equal(ownTile('9:9', ['a'], 'a'), null);
});

test('reasons are said in words', () => {
  assert.match(reasonText('Disconnected by another participant'), /removed you/);
  assert.match(reasonText('something new'), /something new/);
});
