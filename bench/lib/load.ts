/* One run of bench/load against one server. */

import { join } from 'node:path'
import { build, type Kind, type Serving, type Transport } from './contender.ts'
import { Program } from './processes.ts'

/** What bench/load prints; times and sizes have their unit in the name. */
export interface Result {
  open: number
  failed: number
  connects_per_s: number
  cpu_us_per_connect: number
  sent: number
  accepted: number
  refused: number
  expected: number
  delivered: number
  lost: number
  doubled: number
  reordered: number
  timed_out: boolean
  publish_s: number
  deliveries_per_s: number
  bytes: number
  reads: number
  p50_us: number
  p99_us: number
  max_us: number
  cpu_s: number
  cpu_us_per_delivery: number
  cores: number
  idle_cpu_s: number
  anon_before_kb: number
  anon_idle_kb: number
  anon_end_kb: number
  anon_max_kb: number
  rss_end_kb: number
  rss_max_kb: number
  tcp_before_kb: number
  tcp_idle_kb: number
  tcp_end_kb: number
  slow: number
  slow_closed: number
  closed: number
}

export type LoadOptions = Record<string, number | string>

export function loadArguments(options: LoadOptions): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)])
}

export async function load(serving: Serving, transport: Transport, kind: Kind, options: LoadOptions): Promise<Result> {
  const command = [
    join(build, 'bench', 'load'),
    ...['--transport', transport],
    ...serving.load(kind),
    ...loadArguments(options),
    ...['--pids', serving.pids().join(',')],
  ]
  const output = await new Program(command, { core: 'load' }).result()
  const result = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Result
  if (result.open === 0 && result.failed > 0) throw new Error('no connection could be opened')
  if (result.sent > 0 && result.delivered === 0) throw new Error('nothing was delivered')
  return result
}
