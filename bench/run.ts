/* Measures unstale, the floor and the peers that are installed, and writes what was found.
 *
 *     node bench/run.ts [--quick] [--rounds N] [--only WORKLOAD]… [--peers | --no-peers] [--out FOLDER]
 *     node bench/run.ts --report FILE        only makes the report again
 *
 * scripts/bench builds everything and then runs this. Rounds are interleaved: in each, every server has every workload
 * once, so that a disturbance meets all of them. */

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { build, type Contender, floor, repository } from './lib/contender.ts'
import type { Data } from './lib/data.ts'
import { machine } from './lib/machine.ts'
import { against, commits, growth, index, memory, slowReaders, THREADS } from './lib/once.ts'
import { missingPeers, peers } from './lib/peers.ts'
import { ofPostgres } from './lib/postgres.ts'
import { PINNED } from './lib/processes.ts'
import { report } from './lib/report.ts'
import { besideStrangers } from './lib/rude.ts'
import { unstale } from './lib/unstale.ts'
import { optionsFor, type Workload, WORKLOADS } from './lib/workloads.ts'

const { values: asked } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string', multiple: true },
    peers: { type: 'boolean' },
    'no-peers': { type: 'boolean' },
    out: { type: 'string' },
    report: { type: 'string' },
  },
})

const began = Date.now()
const quick = asked.quick
const rounds = Number(asked.rounds ?? (quick ? 1 : 5))
const out = asked.out ?? (quick ? build : join(repository, 'docs'))

/** There is no time for them in a quick run, unless they are asked for. */
const compared = asked.peers ? peers() : asked['no-peers'] || quick ? [] : peers()
/** Peers are slower and stand only for comparison: fewer rounds. */
const PEER_ROUNDS = 3
const PEER_SECONDS = 20
/** After that no further round is begun, so that the whole stays within 28 minutes. */
const ROUNDS_MINUTES = 19

const seconds = (): number => (Date.now() - began) / 1000
const say = (text: string): void => console.log(`${seconds().toFixed(0).padStart(5)} s  ${text}`)
const wanted = (name: string): boolean => !asked.only || asked.only.includes(name)

function version(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty', '--tags'], { cwd: repository, encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

const data: Data = {
  when: new Date().toISOString(),
  version: version(),
  quick,
  rounds: 0,
  seconds: 0,
  pinned: PINNED,
  machine: machine(),
  missing: compared.length ? missingPeers() : [],
  measured: [],
  failed: [],
  memory: [],
  slow: [],
  index: [],
  commits: [],
  growth: [],
}

/** One that fails is reported, and does not keep the others from being measured. */
async function attempt(what: string, step: () => Promise<void>): Promise<void> {
  try {
    await step()
  } catch (error) {
    data.failed.push({ what, why: (error as Error).message })
    say(`${what} failed: ${(error as Error).message}`)
  }
}

function contendersOf(workload: Workload, round: number): Contender[] {
  const own = [unstale('sse'), unstale('ws')]
  const floors = workload.floor === workload.name ? [floor('sse'), floor('ws')] : []
  const threads = workload.name === 'fan1k' ? THREADS : []
  const others = workload.peers && round < PEER_ROUNDS ? compared : []
  return [...floors, ...own, ...threads, ...others.filter(({ most }) => Number(workload.options['subscribers']) <= most)]
}

async function runRounds(): Promise<void> {
  let longest = 0
  for (let round = 0; round < rounds; round++) {
    const start = seconds()
    if (start + longest > ROUNDS_MINUTES * 60) {
      say(`no time for more than ${round} rounds`)
      return
    }
    for (const workload of WORKLOADS.filter(({ name }) => wanted(name))) {
      for (const contender of contendersOf(workload, round)) {
        const what = `${workload.name} ${contender.name} ${contender.transport}`
        await attempt(what, async () => {
          const options = optionsFor(workload, contender.share * (quick ? 0.4 : 1))
          if (compared.includes(contender)) options['max-time'] = PEER_SECONDS
          const result = await against(contender, workload.kind, options)
          data.measured.push({ round, workload: workload.name, server: contender.name, transport: contender.transport, result })
          const figures = `${result.deliveries_per_s} deliveries/s, ${result.cpu_us_per_delivery.toFixed(2)} µs CPU each, lost ${result.lost}`
          say(`${round + 1}: ${what}: ${Number(options['messages']) > 0 ? figures : `${result.connects_per_s} connects/s`}`)
        })
      }
    }
    data.rounds = round + 1
    longest = Math.max(longest, seconds() - start)
  }
}

const own = [unstale('sse'), unstale('ws')]

async function runOnce(): Promise<void> {
  if (wanted('memory')) {
    for (const contender of own)
      await attempt(`memory ${contender.transport}`, async () => {
        data.memory.push(await memory(contender, { quick }))
      })
    for (const contender of compared.filter(({ transport }) => transport !== 'line'))
      await attempt(`memory ${contender.name} ${contender.transport}`, async () => {
        data.memory.push(await memory(contender, { quick }, false))
      })
    say('memory is measured')
  }
  if (wanted('slow')) {
    for (const contender of own)
      for (const duration of quick ? [3] : [8, 16])
        await attempt(`slow ${contender.transport}`, async () => {
          data.slow.push(await slowReaders(contender, duration))
        })
    say('slow readers are measured')
  }
  if (wanted('rude')) {
    data.rude = []
    for (const contender of own)
      await attempt(`rude ${contender.transport}`, async () => {
        data.rude?.push(await besideStrangers(contender, quick))
      })
    say('what strangers cost is measured')
  }
  if (wanted('index')) {
    for (const scopes of quick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000])
      await attempt(`index ${scopes}`, async () => {
        data.index.push(await index(scopes, 10))
      })
    say('the index is measured')
  }
  if (wanted('commits')) {
    for (const poll of [10, 50, 200])
      await attempt(`commits, poll ${poll} ms`, async () => {
        data.commits.push(await commits(poll, quick ? 30 : poll > 100 ? 60 : 200))
      })
    say('commits are measured')
  }
  if (wanted('postgres')) {
    await attempt('postgres', async () => {
      data.postgres = await ofPostgres(data.version, quick, say)
    })
    say('PostgreSQL is measured')
  }
  if (wanted('growth')) {
    await attempt('growth', async () => {
      data.growth.push(...(await growth({ quick })))
    })
    say('growth is measured')
  }
}

function write(): void {
  mkdirSync(out, { recursive: true })
  data.seconds = seconds()
  writeFileSync(join(out, 'benchmarks.json'), `${JSON.stringify(data)}\n`)
  writeFileSync(join(out, 'benchmarks.md'), report(data))
  say(`written: ${join(out, 'benchmarks.md')}`)
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

if (asked.report !== undefined) {
  process.stdout.write(report(JSON.parse(readFileSync(asked.report, 'utf8')) as Data))
} else {
  await runRounds()
  await runOnce()
  write()
  if (data.failed.length) process.exitCode = 1
}
