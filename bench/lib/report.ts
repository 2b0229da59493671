/* The report: which target was met, and the figures behind it. From data alone, so that it can be made again. */

import type { Transport } from './contender.ts'
import { type Data, median, Table } from './data.ts'
import { type Capture, CAPTURES, type OfPostgres } from './postgres.ts'
import { harmless, RUDE_HEAD, rudeCells, slowdown, SLOWDOWN_MAX } from './rude.ts'
import { faults, type Target, type Workload, WORKLOADS } from './workloads.ts'

type Row = readonly (string | number)[]

function table(head: Row, rows: readonly Row[]): string {
  if (rows.length === 0) return 'Not measured in this run.'
  const line = (cells: Row): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}

function digits(value: number): string {
  if (!Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  return value.toLocaleString('en-US', { maximumFractionDigits: size >= 100 ? 0 : size >= 10 ? 1 : 2 })
}

const UNITS: Record<Target['figure'], { title: string; shown: (value: number) => string }> = {
  cpu_us_per_delivery: { title: 'CPU a delivery', shown: (value) => `${digits(value)} µs` },
  deliveries_per_s: { title: 'deliveries a second', shown: digits },
  connects_per_s: { title: 'connects a second', shown: digits },
  p50_us: { title: 'latency p50', shown: (value) => `${digits(value / 1000)} ms` },
  p99_us: { title: 'latency p99', shown: (value) => `${digits(value / 1000)} ms` },
}

function shown(figure: Target['figure'], value: number | null): string {
  return value === null ? '-' : UNITS[figure].shown(value)
}

const NAMES: Record<Transport, string> = { sse: 'SSE', ws: 'WebSocket', line: 'TCP' }
const OURS: readonly Transport[] = ['sse', 'ws']

function verdict(met: boolean): string {
  return met ? 'met' : '**not met**'
}

// ---- targets ----

function bestPeer(of: Table, workload: Workload, transport: Transport, target: Target): string {
  if (!workload.peers) return ''
  const all = of.contenders(workload.name).flatMap(({ server, transport: its }) => {
    if (its !== transport || server === 'floor' || isOurs(server)) return []
    const ratio = of.ratio(workload.name, server, its, target.figure, { workload: workload.floor, server: 'floor' })
    return ratio === null ? [] : [{ server, ratio }]
  })
  all.sort((a, b) => (target.at === 'most' ? a.ratio - b.ratio : b.ratio - a.ratio))
  const best = all[0]
  return best ? `${best.server} ${digits(best.ratio)} ×` : ''
}

function targetRows(of: Table): Row[] {
  const rows: Row[] = []
  for (const workload of WORKLOADS) {
    for (const target of workload.targets) {
      for (const transport of OURS) {
        const value = of.figure(workload.name, 'unstale', transport, target.figure)
        const ratio = of.ratio(workload.name, 'unstale', transport, target.figure, { workload: workload.floor, server: 'floor' })
        if (value === null || ratio === null) continue
        const met = target.at === 'most' ? ratio <= target.ratio : ratio >= target.ratio
        rows.push([
          `${workload.title} (${workload.name}): ${UNITS[target.figure].title}`,
          NAMES[transport],
          shown(target.figure, of.figure(workload.floor, 'floor', transport, target.figure)),
          shown(target.figure, value),
          `${digits(ratio)} ×`,
          `${target.at === 'most' ? '≤' : '≥'} ${target.ratio} ×`,
          verdict(met),
          bestPeer(of, workload, transport, target),
        ])
      }
    }
  }
  return rows
}

interface Check {
  what: string
  value: string
  target: string
  met: boolean
}

function lostRows(data: Data): Check[] {
  const ours = data.measured.filter((one) => one.server !== 'floor' && isOurs(one.server))
  const wrong = ours.filter((one) => {
    const workload = WORKLOADS.find((each) => each.name === one.workload)
    return workload ? faults(workload, one.result) > 0 : false
  })
  const deliveries = ours.reduce((sum, one) => sum + one.result.delivered, 0)
  const value = wrong.length
    ? wrong.map((one) => `${one.workload} ${one.transport}: ${one.result.lost} lost, ${one.result.doubled} doubled`).join('; ')
    : `0 of ${digits(deliveries)}`
  return ours.length ? [{ what: 'lost, doubled, out of order, refused, closed', value, target: '0', met: wrong.length === 0 }] : []
}

function isOurs(server: string): boolean {
  return server === 'unstale' || server.endsWith('thread') || server.endsWith('threads')
}

function checks(data: Data, of: Table): Check[] {
  const all: Check[] = [...lostRows(data)]
  const kb = (bytes: number): string => `${digits(bytes / 1000)} kB`
  for (const one of data.memory) {
    if (one.server !== 'unstale') continue
    const value = one.bytes_a_connection
    all.push({ what: `user memory of an idle connection, ${NAMES[one.transport as Transport]}`, value: `${digits(value)} B`, target: '≤ 320 B, aim 256 B', met: value <= 320 })
  }
  for (const one of data.slow) {
    if (one.server !== 'unstale') continue
    const where = `${NAMES[one.transport as Transport]}, ${one.seconds} s`
    all.push({ what: `user memory of a reader that never reads (${where})`, value: kb(one.user_bytes_a_slow_one), target: '≤ 1 kB, constant', met: one.user_bytes_a_slow_one <= 1000 })
    all.push({ what: `its kernel memory, both ends (${where})`, value: kb(one.kernel_bytes_a_slow_one), target: '≤ 200 kB', met: one.kernel_bytes_a_slow_one <= 200_000 })
    const ratio = one.p99_us / one.p99_us_without
    all.push({ what: `p99 of the others (${where})`, value: `${digits(ratio)} × of ${digits(one.p99_us_without / 1000)} ms`, target: '≤ 1.5 ×', met: ratio <= 1.5 })
  }
  for (const one of data.rude ?? [])
    all.push({ what: `p99 of the pages beside strangers (${NAMES[one.transport as Transport]})`, value: `${digits(slowdown(one))} × of the quiet run`, target: `≤ ${SLOWDOWN_MAX} ×, nothing lost or let in`, met: harmless(one) })
  const threads = of.ratio('fan1k', '2 threads', 'sse', 'cpu_us_per_delivery', { workload: 'fan1k', server: '1 thread' })
  if (threads !== null)
    all.push({ what: 'CPU a delivery, 2 delivery threads to 1', value: `${digits(threads)} ×`, target: '≤ 1.1 ×', met: threads <= 1.1 })
  const index = data.index.at(-1)
  if (index) {
    const size = `${digits(index.scopes)} scopes × ${digits(index.marks / index.scopes)} keys`
    const worst = Math.max(index.mark_new_ns, index.mark_again_ns, index.mark_random_ns)
    all.push({ what: `index, ${size}: mark (new, again, at random)`, value: `${digits(index.mark_new_ns)}, ${digits(index.mark_again_ns)}, ${digits(index.mark_random_ns)} ns`, target: '≤ 200 ns', met: worst <= 200 })
    all.push({ what: `index, ${size}: since, per key (in order, at random)`, value: `${digits(index.since_key_ns)}, ${digits(index.since_random_key_ns)} ns`, target: '≤ 50 ns', met: Math.max(index.since_key_ns, index.since_random_key_ns) <= 50 })
    const bytes = Math.max(index.bytes_a_mark, index.resident_a_mark)
    all.push({ what: `index, ${size}: bytes a mark, all in (counted, resident)`, value: `${digits(index.bytes_a_mark)}, ${digits(index.resident_a_mark)} B`, target: '≤ 150 B', met: bytes <= 150 })
  }
  for (const one of data.commits) {
    const met = one.p50_us <= one.poll_ms * 1000 && one.p99_us <= 2 * one.poll_ms * 1000
    const value = `${digits(one.p50_us / 1000)} / ${digits(one.p99_us / 1000)} ms, idle CPU ${digits(one.idle_cpu_percent)} %`
    all.push({ what: `commit in SQLite to the socket, poll ${one.poll_ms} ms: p50 / p99`, value, target: `≤ ${one.poll_ms} / ≤ ${2 * one.poll_ms} ms`, met })
  }
  if (data.postgres) {
    const ratios = writersRatios(data.postgres, 'logical')
    const ratio = median(ratios)
    all.push({ what: 'PostgreSQL: transactions a second with logical capture to those without', value: `${digits(ratio)} × (${span(ratios)})`, target: '≥ 0.95 ×', met: ratio >= 0.95 })
  }
  return all
}

function writersRatios(postgres: OfPostgres, capture: Capture): number[] {
  return postgres.throughput.map((round) => round[capture] / round.none)
}

/** The lowest and the highest of the rounds. */
function span(values: readonly number[]): string {
  return `${digits(Math.min(...values))} to ${digits(Math.max(...values))}`
}

function postgresTables(postgres: OfPostgres): string {
  const writers = CAPTURES.map((capture): Row => [
    capture,
    digits(median(postgres.throughput.map((round) => round[capture]))),
    capture === 'none' ? '-' : digits(median(writersRatios(postgres, capture))),
    capture === 'none' ? '-' : span(writersRatios(postgres, capture)),
  ])
  const ms = (us: number): string => `${digits(us / 1000)} ms`
  const latency = postgres.latency.map((one): Row => [
    one.capture,
    one.commits,
    ms(one.commit_p50_us),
    ms(one.commit_p99_us),
    ms(one.listen_p50_us),
    ms(one.listen_p99_us),
    ms(one.socket_p50_us),
    ms(one.socket_p99_us),
  ])
  return [
    `unstale ${postgres.unstale}, PostgreSQL ${postgres.version}, \`wal_level = logical\` throughout, durable writes. pgbench's own transactions, ${postgres.clients} clients, ${postgres.seconds} s each, ` +
      `${postgres.throughput.length} ${postgres.throughput.length === 1 ? 'round' : 'rounds'} of all; writers, database and unstale share the machine's cores, and keep them busy. *Decoding* is pg_recvlogical on the same publication into /dev/null: what PostgreSQL itself takes for it.`,
    table(['capture', 'transactions/s', '× none', 'in the rounds'], writers),
    'From the moment before COMMIT is sent to: its answer, the notification at a client that does nothing but LISTEN, the event at a subscriber of unstale. Of the same commits.',
    table(['capture', 'commits', 'answer p50', 'p99', 'LISTEN p50', 'p99', 'subscriber p50', 'p99'], latency),
  ].join('\n\n')
}

// ---- everything else ----

function workloadTables(of: Table): string {
  return WORKLOADS.map((workload) => {
    const messages = Number(workload.options['messages'] ?? 0) > 0
    const known = of.contenders(workload.name)
    if (workload.floor !== workload.name) known.unshift(...of.contenders(workload.floor).filter(({ server }) => server === 'floor'))
    const rows = known
      .filter(({ server }) => !server.includes('thread'))
      .sort((a, b) => a.transport.localeCompare(b.transport))
      .map(({ server, transport }): Row => {
        const its = server === 'floor' ? workload.floor : workload.name
        const get = (figure: Target['figure']): string => shown(figure, of.figure(its, server, transport, figure))
        const ratio = (figure: Target['figure']): string => {
          const value = of.ratio(its, server, transport, figure, { workload: workload.floor, server: 'floor' })
          return value === null ? '-' : digits(value)
        }
        const rounds = of.rows(its, server, transport).length
        if (!messages) {
          const cpu = of.figure(its, server, transport, 'cpu_us_per_connect') ?? NaN
          return [server, NAMES[transport], rounds, get('connects_per_s'), ratio('connects_per_s'), `${digits(cpu)} µs`]
        }
        const lost = of.rows(its, server, transport).reduce((sum, row) => sum + row.result.lost, 0)
        const cores = of.figure(its, server, transport, 'cores') ?? NaN
        const cells = [get('deliveries_per_s'), ratio('deliveries_per_s'), get('cpu_us_per_delivery'), ratio('cpu_us_per_delivery')]
        return [server, NAMES[transport], rounds, ...cells, digits(cores), get('p50_us'), get('p99_us'), lost]
      })
    const head = messages
      ? ['server', 'transport', 'runs', 'deliveries/s', '× floor', 'CPU a delivery', '× floor', 'cores', 'p50', 'p99', 'lost']
      : ['server', 'transport', 'runs', 'connects/s', '× floor', 'CPU a connection']
    return rows.length ? `### ${workload.name}: ${workload.title}\n\n${table(head, rows)}` : ''
  })
    .filter(Boolean)
    .join('\n\n')
}

function memoryTable(data: Data): string {
  const rows = data.memory.map((one): Row => [
    one.server,
    NAMES[one.transport as Transport],
    digits(one.connections),
    `${one.seconds} s`,
    `${digits(one.bytes_a_connection)} B`,
    `${digits(one.idle_cpu_percent)} %`,
  ])
  return table(['server', 'transport', 'connections', 'idle for', 'RssAnon each', 'CPU meanwhile'], rows)
}

function slowTable(data: Data): string {
  const rows = data.slow.map((one): Row => [
    one.server,
    NAMES[one.transport as Transport],
    `${one.slow} of ${one.readers}`,
    `${one.seconds} s`,
    `${digits(one.user_bytes_a_slow_one / 1000)} kB`,
    `${digits(one.kernel_bytes_a_slow_one / 1000)} kB`,
    `${digits(one.p99_us_without / 1000)} ms`,
    `${digits(one.p99_us / 1000)} ms`,
    one.lost,
    one.closed,
  ])
  const head = ['server', 'transport', 'slow', 'for', 'user memory each', 'kernel memory each', 'p99 without', 'p99 with', 'lost', 'closed']
  return table(head, rows)
}

function growthTable(data: Data): string {
  const rows = data.growth.map((one): Row => [
    one.of,
    digits(one.value),
    UNITS.cpu_us_per_delivery.shown(one.unstale.cpu_us_per_delivery),
    one.floor ? UNITS.cpu_us_per_delivery.shown(one.floor.cpu_us_per_delivery) : '-',
    digits(one.unstale.deliveries_per_s),
    one.floor ? digits(one.floor.deliveries_per_s) : '-',
  ])
  const index = data.index.map((one): Row => [
    digits(one.scopes),
    digits(one.marks),
    digits(one.mark_new_ns),
    digits(one.mark_again_ns),
    digits(one.mark_random_ns),
    digits(one.since_key_ns),
    digits(one.since_random_key_ns),
    digits(one.bytes_a_mark),
    digits(one.resident_a_mark),
  ])
  const head = ['scopes', 'marks', 'mark, new (ns)', 'again', 'at random', 'since, a key (ns)', 'at random', 'bytes a mark', 'resident']
  return [
    table(['growing', 'number', 'CPU a delivery', 'floor', 'deliveries/s', 'floor'], rows),
    'The index alone, on one core, with the allocator\'s own costs in the last column:',
    table(head, index),
  ].join('\n\n')
}

const ABOUT = `*Floor*: \`bench/floor\`, a server that does one \`write\` of ready bytes for each delivery and nothing else: what the
machine gives without merging. *Outstanding*: the next message is published only while fewer than that many are not yet with
everybody; with one outstanding nothing can be merged. Server and load generator have a core each. Messages are notices with 150 bytes
of payload, which do not merge; marks count as delivered to a subscriber when their position was granted to it. Everything
is loopback, where the sender's core also does the receiver's TCP input: absolute rates are low, and the ratio to the floor, taken in
each round and the median of the rounds, is what carries over. \`bench/README.md\` has the details.`

export function report(data: Data): string {
  const of = new Table(data.measured)
  const { machine } = data
  const met = checks(data, of)
  const sections = [
    '# Benchmarks',
    `Made by \`scripts/bench${data.quick ? ' --quick' : ''}\` on ${data.when.slice(0, 10)}, version ${data.version}: ${data.rounds} ${data.rounds === 1 ? 'round' : 'rounds'} in ${Math.round(data.seconds / 60)} minutes. ` +
      `Machine: ${machine.cpu}, ${machine.cores} cores, ${machine.memory_gb} GB, ${machine.kernel}, ${machine.system}, ${machine.compiler}; load before the start ${machine.busy}. ` +
      (data.pinned ? 'Server on core 0, load generator on core 1.' : 'One core only: nothing is pinned, so ratios say little.'),
    ABOUT,
    '## Targets',
    table(['workload', 'transport', 'floor', 'unstale', 'ratio', 'target', '', 'best peer'], targetRows(of)),
    table(['figure', 'unstale', 'target', ''], met.map((one) => [one.what, one.value, one.target, verdict(one.met)])),
    '## How cost grows',
    growthTable(data),
    '## All servers',
    data.missing.length ? `Not installed, so not measured: ${data.missing.join(', ')}.` : '',
    workloadTables(of),
    '### Idle connections',
    memoryTable(data),
    '### Readers that never read',
    slowTable(data),
    data.rude?.length ? `### Beside strangers\n\nPages alone, and beside \`tests/rude\`: slow, half, endless, ambiguous and forged requests, resets, peers that never read; pairs of runs.\n\n${table(RUDE_HEAD, data.rude.map((one) => [NAMES[one.transport as Transport], ...rudeCells(one)]))}` : '',
    data.postgres ? `### PostgreSQL\n\n${postgresTables(data.postgres)}` : '',
    data.failed.length ? `## What failed\n\n${data.failed.map((one) => `- ${one.what}: ${one.why.split('\n')[0]}`).join('\n')}` : '',
  ]
  return sections.filter(Boolean).join('\n\n') + '\n'
}
