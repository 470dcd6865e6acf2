// What an idle platform holds: a whole one, from the release build, with two
// media and two video workers; the sum of PSS of all its processes 60 s after
// it answered. Prints `name value unit target verdict`; exits 1 when missed.
// Beside it, without target, the sum of the highest RSS of each: it counts
// shared pages again and again, but no reclaim by the kernel makes it smaller.
// PSS of processes that nobody may look into is readable by root only.
import { readdirSync, readFileSync } from 'node:fs';
import { Platform } from '../e2e/lib/platform.mjs';

const TARGET_MB = 100;
const WORKERS = 2;
const SETTLE_MS = Number(process.env.IDLE_MS ?? 60000);

function children(pid) {
  return readdirSync('/proc').filter((d) => /^\d+$/.test(d)).filter((d) => {
    try {
      const stat = readFileSync(`/proc/${d}/stat`, 'utf8');
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === pid;
    } catch {
      return false;
    }
  }).map(Number);
}

function pssKb(pid) {
  return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))[1]);
}

function peakKb(pid) {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);
}

function name(pid) {
  return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
}

// Each worker takes a port after the first: another try when one is taken.
async function start(tries = 5) {
  try {
    return await Platform.start({ workers: WORKERS, mediaPort: 40000 + 10 * Math.floor(Math.random() * 900) });
  } catch (e) {
    if (tries === 1 || !/in use/.test(e.message)) throw e;
    return start(tries - 1);
  }
}

const p = await start();
let failed = false;
try {
  await new Promise((ok) => setTimeout(ok, SETTLE_MS));
  const pids = [p.child.pid, ...children(p.child.pid)];
  const rows = pids.map((pid) => ({ role: name(pid), mb: pssKb(pid) / 1024, peak: peakKb(pid) / 1024 }));
  const sum = rows.reduce((n, r) => n + r.mb, 0);
  for (const role of ['conclave-media', 'conclave-video'])
    if (rows.filter((r) => r.role === role).length !== WORKERS) throw new Error(`${WORKERS} of ${role} should run: ${rows.map((r) => r.role)}`);
  failed = sum > TARGET_MB;
  console.log(`idle_platform ${sum.toFixed(1)} MB_PSS ${TARGET_MB} ${failed ? 'fail' : 'pass'}`);
  console.log(`idle_platform_peak_rss ${rows.reduce((n, r) => n + r.peak, 0).toFixed(1)} MB - info`);
  console.log(`# PSS (highest RSS): ${rows.map((r) => `${r.role} ${r.mb.toFixed(1)} (${r.peak.toFixed(1)})`).join(', ')}`);
} catch (e) {
  failed = true;
  console.log(`idle_platform - MB_PSS ${TARGET_MB} fail`);
  console.error(e.code === 'EACCES' ? 'bench idle: run it as root, the roles are closed to everybody else' : e);
} finally {
  await p.stop();
}
process.exit(failed ? 1 : 0);
