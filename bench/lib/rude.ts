/* Pages beside strangers who do their worst (tests/rude), and the same pages without them: what it costs the pages. */

import { join } from 'node:path'
import { build, type Contender } from './contender.ts'
import { median } from './data.ts'
import { load, type LoadOptions, type Result } from './load.ts'
import { Program } from './processes.ts'

/** A pair of runs: quiet, and beside strangers. */
interface Pair {
  p50_us_quiet: number
  p50_us: number
  p99_us_quiet: number
  p99_us: number
  lost: number
  closed: number
  strangers: number
  smuggled: number
  anon_quiet_kb: number
  anon_kb: number
}

export interface Rude {
  server: string
  transport: string
  pages: number
  seconds: number
  pairs: Pair[]
}

const PAGES: LoadOptions = { subscribers: 1000, topics: 20, rate: 50, depth: 1000, idle: 1 }
const STRANGERS = { connections: 300, rate: 400 }

/** What it said and how it ended: 1 is that something was let in, which `smuggled` counts. */
async function strangers(port: number, seconds: number): Promise<{ opened: number; smuggled: number }> {
  const args = { server: `127.0.0.1:${port}`, seconds, ...STRANGERS }
  const command = [join(build, 'tests', 'rude', 'rude'), ...Object.entries(args).flatMap(([name, value]) => [`--${name}`, String(value)])]
  const program = new Program(command, { core: 'load' })
  const output = await program.result()
  return JSON.parse(output) as { opened: number; smuggled: number }
}

async function run(contender: Contender, seconds: number, guests: boolean): Promise<{ result: Result; met: { opened: number; smuggled: number } }> {
  const serving = await contender.start()
  try {
    const port = Number(/:(\d+)$/.exec(serving.load('messages')[1] ?? '')?.[1])
    const met = guests ? strangers(port, seconds + 2) : Promise.resolve({ opened: 0, smuggled: 0 })
    const result = await load(serving, contender.transport, 'messages', { ...PAGES, messages: Number(PAGES['rate']) * seconds })
    return { result, met: await met }
  } finally {
    await serving.stop()
  }
}

/** Pairs, so that what disturbs the machine disturbs both of a pair. */
export async function besideStrangers(contender: Contender, quick: boolean): Promise<Rude> {
  const seconds = quick ? 4 : 10
  const pairs: Pair[] = []
  for (let i = 0; i < (quick ? 1 : 3); i++) {
    const quiet = await run(contender, seconds, false)
    const beside = await run(contender, seconds, true)
    pairs.push({
      p50_us_quiet: quiet.result.p50_us,
      p50_us: beside.result.p50_us,
      p99_us_quiet: quiet.result.p99_us,
      p99_us: beside.result.p99_us,
      lost: beside.result.lost,
      closed: beside.result.closed,
      strangers: beside.met.opened,
      smuggled: beside.met.smuggled,
      anon_quiet_kb: quiet.result.anon_end_kb,
      anon_kb: beside.result.anon_end_kb,
    })
  }
  return { server: contender.name, transport: contender.transport, pages: Number(PAGES['subscribers']), seconds, pairs }
}

/** The figure that counts: how much later the latest of the pages hear. */
export function slowdown(one: Rude): number {
  return median(one.pairs.map((pair) => pair.p99_us / pair.p99_us_quiet))
}

/** At most that, and nothing lost, closed or let in. */
export const SLOWDOWN_MAX = 10

export function harmless(one: Rude): boolean {
  return slowdown(one) <= SLOWDOWN_MAX && one.pairs.every(({ lost, closed, smuggled }) => lost + closed + smuggled === 0)
}

export const RUDE_HEAD = ['transport', 'pages', 'strangers', 'for', 'p50 quiet', 'p50', 'p99 quiet', 'p99', 'ratio', 'RssAnon quiet', 'RssAnon', 'lost', 'closed', 'let in']

/** Numbers, with their unit; the report writes them. */
export function rudeCells(one: Rude): (string | number)[] {
  const of = (figure: keyof Pair): number => median(one.pairs.map((pair) => pair[figure]))
  const sum = (figure: keyof Pair): number => one.pairs.reduce((all, pair) => all + pair[figure], 0)
  const ms = (us: number): string => `${(us / 1000).toFixed(2)} ms`
  const mb = (kb: number): string => `${(kb / 1024).toFixed(1)} MiB`
  return [
    one.pages,
    of('strangers'),
    `${one.seconds} s`,
    ms(of('p50_us_quiet')),
    ms(of('p50_us')),
    ms(of('p99_us_quiet')),
    ms(of('p99_us')),
    `${slowdown(one).toFixed(1)} ×`,
    mb(of('anon_quiet_kb')),
    mb(of('anon_kb')),
    sum('lost'),
    sum('closed'),
    sum('smuggled'),
  ]
}
