/* How the page of an example is built: each vite.config.ts is this, and each index.html holds what is its own. */

import react from '@vitejs/plugin-react'
import { defaultClientConditions, defineConfig } from 'vite'
import type { HtmlTagDescriptor, Plugin } from 'vite'

/* For work on a page: start the backend, then `EXAMPLE_BACKEND=http://127.0.0.1:PORT npm run dev`. */
const backend = process.env['EXAMPLE_BACKEND'] ?? 'http://127.0.0.1:8090'

/* Before the first paint, so that a chosen theme does not flash. */
const THEME = `
try {
  const theme = localStorage.getItem('unstale-example.theme')
  if (theme) document.documentElement.dataset.theme = theme
} catch {}
`

const HEAD: HtmlTagDescriptor[] = [
  { tag: 'meta', attrs: { charset: 'utf-8' } },
  { tag: 'meta', attrs: { name: 'viewport', content: 'width=device-width, initial-scale=1' } },
  { tag: 'meta', attrs: { name: 'color-scheme', content: 'light dark' } },
  { tag: 'link', attrs: { rel: 'icon', type: 'image/svg+xml', href: '/icon.svg' } },
  { tag: 'script', children: THEME },
]

const head: Plugin = {
  name: 'head-of-examples',
  transformIndexHtml: () => HEAD.map((tag) => ({ ...tag, injectTo: 'head-prepend' as const })),
}

export default defineConfig({
  plugins: [react(), head],
  /* The SDK of this repository, unbuilt. */
  resolve: { conditions: ['unstale-source', ...defaultClientConditions] },
  /* The names that a page had before it was built by Vite stay good. */
  envPrefix: ['VITE_', 'REACT_APP_'],
  build: { outDir: 'dist', sourcemap: true },
  server: { host: '127.0.0.1', proxy: { '/api': backend, '/config.json': backend } },
})
