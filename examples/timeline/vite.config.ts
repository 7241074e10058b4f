import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Where Dossier runs while the app is served from here. */
const server = process.env.DOSSIER_URL ?? 'http://127.0.0.1:8000';
const proxy = { '/graphql': server, '/cases': server, '/demo-token': server };

/** What Dossier itself sends with the app, so that `npm run preview` shows what will work there. */
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

export default defineConfig({
  base: '/app/',
  plugins: [react()],
  server: { proxy },
  preview: { proxy, headers: { 'Content-Security-Policy': policy } },
  build: {
    assetsInlineLimit: 0,
    modulePreload: false,
    // The licences of what was bundled travel with it.
    license: { fileName: 'licenses.md' },
  },
});
