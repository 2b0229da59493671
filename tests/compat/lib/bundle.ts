/* Pages and clients as one file each. The clients say "@/lib/api" and mean a folder of their own. */

import { join } from 'node:path'
import { rolldown } from 'rolldown'

const root = join(import.meta.dirname, '..')

const made = new Map<string, Promise<string>>()

/** `input` is relative to the folder of these tests. */
export function bundle(input: string, client: string, platform: 'browser' | 'node' = 'browser'): Promise<string> {
  let code = made.get(input)
  if (!code) made.set(input, (code = make(input, client, platform)))
  return code
}

async function make(input: string, client: string, platform: 'browser' | 'node'): Promise<string> {
  const home = join(root, 'clients', client)
  const build = await rolldown({
    input: join(root, input),
    platform,
    resolve: {
      alias: {
        '@repo/api/contracts': join(home, 'repo/contracts.ts'),
        '@repo/ui/lib/utils': join(home, 'repo/utils.ts'),
        '@': home,
      },
      conditionNames: ['import', 'module', platform, 'default'],
    },
    transform: { define: platform === 'browser' ? { 'process.env.NODE_ENV': '"development"' } : {} },
    logLevel: 'silent',
  })
  const { output } = await build.generate({ format: 'esm' })
  return output[0].code
}
