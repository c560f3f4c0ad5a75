// The package as others take it: one ES module. What it depends on stays outside, so that an app has one Automerge.

import { defineConfig } from 'vite'

export default defineConfig({
  build: {
    target: 'es2022',
    minify: false,
    sourcemap: true,
    lib: { entry: 'src/index.ts', formats: ['es'], fileName: 'index' },
    rolldownOptions: { external: (id) => !id.startsWith('.') && !id.startsWith('/') },
  },
})
