import { defineConfig } from 'vite';

// No inline script, style or data: URL may appear in the output: the server's
// Content-Security-Policy allows files of our own origin only.
export default defineConfig({
  base: '/',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
  build: {
    target: 'es2021',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
});
