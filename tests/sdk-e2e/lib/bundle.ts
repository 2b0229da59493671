/* The pages of this folder with the SDK in them, as a browser loads them. */

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

const pages = join(import.meta.dirname, '..', 'pages')
const repository = join(import.meta.dirname, '..', '..', '..')

/** `react18` and `react19` are the page `react` with that version. */
const VERSIONS: Record<string, string> = {
  react18: join(import.meta.dirname, '..', 'react18', 'package.json'),
  react19: join(repository, 'sdk', 'react', 'package.json'),
}

const made = new Map<string, Promise<string>>()

export function bundle(name: string): Promise<string> {
  let code = made.get(name)
  if (!code) made.set(name, (code = make(name)))
  return code
}

async function make(name: string): Promise<string> {
  const version = VERSIONS[name]
  const alias: Record<string, string> = {}
  if (version) {
    const { resolve } = createRequire(version)
    for (const part of ['react', 'react-dom/client', 'react/jsx-runtime', 'scheduler']) {
      if (part !== 'scheduler') alias[part] = resolve(part)
    }
  }
  const build = await rolldown({
    input: join(pages, version ? 'react.ts' : `${name}.ts`),
    platform: 'browser',
    resolve: { conditionNames: ['unstale-source', 'import', 'module', 'browser', 'default'], alias },
    transform: { define: { 'process.env.NODE_ENV': '"development"' } },
    logLevel: 'silent',
  })
  const { output } = await build.generate({ format: 'esm' })
  return output[0].code
}
