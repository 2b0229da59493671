/* The programs in C that tests start beside a server: the load generator, and the rude guests. */

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { cleanup } from './cleanup.ts'
import { build } from './unstale.ts'

/** What `tests/rude` prints. */
export interface Rude {
  manners: Record<string, { opened: number; ended: number; answered: number; refused: number; smuggled: number }>
  opened: number
  failed: number
  refused: number
  smuggled: number
  unused: number
}

export interface Running {
  readonly code: Promise<number | null>
  /** Its last line, as JSON. */
  readonly said: Promise<unknown>
}

/** Gone after the test, whatever happens. */
export function start(t: TestContext, program: 'bench/load' | 'tests/rude/rude', args: Record<string, string | number>): Running {
  const child = spawn(join(build, program), Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)]), {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  child.stdout.setEncoding('utf8')
  child.stdout.on('data', (text: string) => (output += text))
  const code = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  cleanup(t, async () => {
    child.kill('SIGKILL')
    await code.catch(() => null)
  })
  return { code, said: code.then(() => JSON.parse(output.trim().split('\n').at(-1) ?? '') as unknown) }
}
