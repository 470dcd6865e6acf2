// Sound and picture files for Chromium's fake devices, made here: a tone of one
// frequency, and one colour with a small moving mark (so that an encoder has
// something to do).
import { mkdtempSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const RATE = 48000;
let dir;
const folder = () => (dir ??= mkdtempSync(join(tmpdir(), 'conclave-fix-')));

export function toneFile(hz, seconds = 2, amplitude = 0.35) {
  const path = join(folder(), `tone-${hz}-${amplitude}.wav`);
  if (existsSync(path)) return path;
  const n = RATE * seconds;
  const b = Buffer.alloc(44 + n * 2);
  b.write('RIFF', 0);
  b.writeUInt32LE(36 + n * 2, 4);
  b.write('WAVEfmt ', 8);
  b.writeUInt32LE(16, 16);
  b.writeUInt16LE(1, 20);
  b.writeUInt16LE(1, 22);
  b.writeUInt32LE(RATE, 24);
  b.writeUInt32LE(RATE * 2, 28);
  b.writeUInt16LE(2, 32);
  b.writeUInt16LE(16, 34);
  b.write('data', 36);
  b.writeUInt32LE(n * 2, 40);
  for (let i = 0; i < n; i++) b.writeInt16LE(Math.round(32767 * amplitude * Math.sin((2 * Math.PI * hz * i) / RATE)), 44 + i * 2);
  writeFileSync(path, b);
  return path;
}

function yuv([r, g, b]) {
  const y = 16 + (65.481 * r + 128.553 * g + 24.966 * b) / 255;
  const u = 128 + (-37.797 * r - 74.203 * g + 112 * b) / 255;
  const v = 128 + (112 * r - 93.786 * g - 18.214 * b) / 255;
  return [y, u, v].map(Math.round);
}

export function colourFile(rgb, { width = 320, height = 180, fps = 15, seconds = 2 } = {}) {
  const path = join(folder(), `colour-${rgb.join('-')}-${width}x${height}.y4m`);
  if (existsSync(path)) return path;
  const [y, u, v] = yuv(rgb);
  const parts = [Buffer.from(`YUV4MPEG2 W${width} H${height} F${fps}:1 Ip A1:1 C420jpeg\n`)];
  for (let f = 0; f < fps * seconds; f++) {
    const frame = Buffer.alloc(width * height + 2 * (width / 2) * (height / 2));
    frame.fill(y, 0, width * height);
    frame.fill(u, width * height, width * height * 1.25);
    frame.fill(v, width * height * 1.25);
    const x0 = Math.floor(((width - 16) * f) / (fps * seconds));
    for (let row = 4; row < 12; row++) frame.fill(235, row * width + x0, row * width + x0 + 12);
    parts.push(Buffer.from('FRAME\n'), frame);
  }
  writeFileSync(path, Buffer.concat(parts));
  return path;
}
