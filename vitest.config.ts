// Unit tests of the packages and the app: real Automerge, IndexedDB in memory.

import react from '@vitejs/plugin-react'
import { defineConfig } from 'vitest/config'

const project = (name: string, folder: string, environment: 'node' | 'happy-dom', setup: string[]) => ({
  plugins: [react()],
  resolve: { conditions: ['dovetail-source'] },
  ssr: { resolve: { conditions: ['dovetail-source'] } },
  test: {
    name,
    environment,
    include: [`${folder}/test/**/*.test.ts`, `${folder}/test/**/*.test.tsx`],
    setupFiles: setup,
    testTimeout: 30_000,
  },
})

const automerge = 'client-sdk/web/client/test/setup.ts'

export default defineConfig({
  test: {
    projects: [
      project('client', 'client-sdk/web/client', 'node', [automerge]),
      project('react', 'client-sdk/web/react', 'happy-dom', [automerge]),
      project('dashboard', 'examples/dashboard', 'happy-dom', [automerge]),
    ],
  },
})
