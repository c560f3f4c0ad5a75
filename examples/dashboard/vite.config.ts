// How the app is built: one page, files with their hash in the name, the WebAssembly of Automerge as a file of its own, without the
// names of its functions, which the page asks for before its scripts have run, and a service worker that knows all files of the build.
//
// Always true: nothing is inlined as a `data:` address or a style element, because the server's policy for the page forbids both.

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { precache } from './precache'
import { preloadWasm, slimWasm } from './wasm'

export default defineConfig({
  root: import.meta.dirname,
  plugins: [react(), slimWasm(), preloadWasm(), precache()],
  // The packages of this workspace are taken as they are written, so that they need not be built first.
  resolve: { conditions: ['dovetail-source', 'module', 'browser'] },
  server: { host: '127.0.0.1' },
  preview: { host: '127.0.0.1' },
  build: {
    target: 'es2022',
    // Those that know `light-dark()`, so that it is left as it is.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    assetsInlineLimit: 0,
    // The polyfill would be an inline script.
    modulePreload: { polyfill: false },
    rolldownOptions: {
      output: {
        codeSplitting: {
          // What every screen needs is one file each, not thirty: many small ones compress worse and cost a request each.
          groups: [
            // Alone, because its WebAssembly has to be there before anything else of ours runs.
            { name: 'automerge', test: /node_modules[\\/]@automerge[\\/]automerge[\\/]/, priority: 2 },
            { name: 'react', test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/ },
            { name: 'dovetail', test: /client-sdk[\\/]web[\\/]/ },
            { name: 'icons', test: /node_modules[\\/]lucide-react[\\/]/ },
            {
              name: 'app',
              test: /dashboard[\\/]src[\\/](app[\\/](?!start|JsonPage)|widgets[\\/](format|options|registry|view))/,
            },
          ],
        },
      },
    },
  },
})
