// Bundles the page's pure modules with the bundler that the build uses, then
// runs node's own tests over them.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const out = mkdtempSync(join(process.cwd(), 'node_modules/.t-'));
try {
  await build({
    entryPoints: ['t/pure.test.ts'],
    bundle: true,
    format: 'esm',
    platform: 'node',
    outfile: join(out, 'pure.test.mjs'),
  });
  const r = spawnSync(process.execPath, ['--test', '--test-reporter=tap', join(out, 'pure.test.mjs')], { stdio: 'inherit' });
  process.exitCode = r.status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
