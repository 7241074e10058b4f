import { defineConfig } from 'vite';

export default defineConfig({
  base: '/explorer/',
  build: {
    target: 'es2022',
    assetsInlineLimit: 0, // the Content-Security-Policy allows no data: addresses
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 5000, // Monaco is one large editor, loaded while the user signs in
    license: { fileName: 'licenses.md' },
    rolldownOptions: { checks: { moduleLevelDirective: false } }, // "use client" means nothing here
  },
  worker: { format: 'es' },
});
