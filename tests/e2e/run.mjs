// Runs the test files one after another (they share the machine's two cores)
// and prints one TAP stream. `node run.mjs NAME...` runs only those.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';

const names = process.argv.slice(2);
const files = readdirSync(new URL('.', import.meta.url))
  .filter((f) => f.endsWith('.test.mjs') && (names.length === 0 || names.some((n) => f.startsWith(n))))
  .filter((f) => process.env.CONCLAVE_LONG || !f.startsWith('long-'))
  .sort();
const r = spawnSync(process.execPath, ['--test', '--test-concurrency=1', '--test-reporter=tap', ...files], {
  cwd: new URL('.', import.meta.url),
  stdio: 'inherit',
});
process.exitCode = r.status ?? 1;
