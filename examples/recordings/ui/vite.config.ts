import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/* For work on the page: start the backend, then `EXAMPLE_BACKEND=http://127.0.0.1:PORT npm run dev`. */
const backend = process.env.EXAMPLE_BACKEND ?? 'http://127.0.0.1:8090'

export default defineConfig({
  plugins: [react()],
  build: { outDir: 'dist', sourcemap: true },
  server: { host: '127.0.0.1', proxy: { '/api': backend, '/config.json': backend } },
})
