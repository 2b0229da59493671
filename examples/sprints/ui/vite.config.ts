import react from '@vitejs/plugin-react'
import { defaultClientConditions, defineConfig } from 'vite'

/* For work on the page: start the backend, then `EXAMPLE_BACKEND=http://127.0.0.1:PORT npm run dev`. */
const backend = process.env.EXAMPLE_BACKEND ?? 'http://127.0.0.1:8090'

export default defineConfig({
  plugins: [react()],
  /* The SDK of this repository, unbuilt. */
  resolve: { conditions: ['unstale-source', ...defaultClientConditions] },
  build: { outDir: 'dist', sourcemap: true },
  server: { host: '127.0.0.1', proxy: { '/api': backend, '/config.json': backend } },
})
