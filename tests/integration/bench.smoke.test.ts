/* The measuring gear measures: tiny runs of it, so that it does not rot between two reports. */

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Contender, floor, type Kind } from '../../bench/lib/contender.ts'
import type { Data } from '../../bench/lib/data.ts'
import type { LoadOptions, Result } from '../../bench/lib/load.ts'
import { machine } from '../../bench/lib/machine.ts'
import { against } from '../../bench/lib/once.ts'
import { report } from '../../bench/lib/report.ts'
import { unstale } from '../../bench/lib/unstale.ts'

const TINY: LoadOptions = { subscribers: 20, messages: 30, window: 1, drain: 20 }

async function measured(contender: Contender, kind: Kind = 'messages', more: LoadOptions = {}): Promise<Result> {
  const result = await against(contender, kind, { ...TINY, ...more })
  assert.deepEqual(
    { open: result.open, failed: result.failed, refused: result.refused, closed: result.closed, timed_out: result.timed_out },
    { open: 20, failed: 0, refused: 0, closed: 0, timed_out: false },
  )
  assert.deepEqual({ lost: result.lost, doubled: result.doubled }, { lost: 0, doubled: 0 })
  assert.equal(result.delivered, result.expected)
  assert.ok(result.cpu_us_per_delivery > 0 && result.deliveries_per_s > 0 && result.anon_idle_kb > 0, JSON.stringify(result))
  return result
}

for (const transport of ['sse', 'ws'] as const) {
  test(`the floor delivers everything, ${transport}`, async () => {
    const result = await measured(floor(transport))
    assert.equal(result.delivered, 600)
    assert.equal(result.reordered, 0)
    assert.ok(result.p50_us > 0 && result.p50_us <= result.p99_us && result.p99_us <= result.max_us * 1.04)
  })

  test(`unstale delivers every message, in order, ${transport}`, async () => {
    const result = await measured(unstale(transport))
    assert.equal(result.delivered, 600)
    assert.equal(result.reordered, 0)
  })
}

test('marks count by the positions that were granted', async () => {
  const result = await measured(unstale('sse'), 'marks', { keys: 5, window: 16, publishers: 4 })
  assert.equal(result.delivered, 600)
})

test('arrays of messages to many scopes', async () => {
  await measured(unstale('sse'), 'arrays', { topics: 10, messages: 100, array: 20, window: 40 })
})

test('a server that delivers nothing is a failed measurement, not a fast one', async () => {
  /* They listen to a topic that nothing is published to. */
  const deaf: Contender = {
    ...floor('sse'),
    start: async () => {
      const serving = await floor('sse').start()
      return { ...serving, load: (kind) => [...serving.load(kind), '--path', '/1%d'] }
    },
  }
  await assert.rejects(against(deaf, 'messages', { ...TINY, window: 0, drain: 1 }), /nothing was delivered/)
})

test('the report compares with the floor of the same round', async () => {
  const row = (server: string, round: number, cpu: number) => ({
    round,
    workload: 'fan1k',
    server,
    transport: 'sse' as const,
    result: { ...result, cpu_us_per_delivery: cpu },
  })
  const result = await measured(floor('sse'))
  const data: Data = {
    ...{ when: '2026-01-01T00:00:00Z', version: 'v', quick: true, rounds: 3, seconds: 60, pinned: true, machine: machine() },
    ...{ missing: [], failed: [], memory: [], slow: [], index: [], commits: [], growth: [] },
    measured: [row('floor', 0, 4), row('unstale', 0, 4), row('floor', 1, 8), row('unstale', 1, 16), row('floor', 2, 5), row('unstale', 2, 6)],
  }
  const line = report(data).split('\n').find((each) => each.includes('CPU a delivery |') && each.includes('(fan1k)'))
  assert.match(line ?? '', /\| 1\.2 × \| ≤ 1\.05 × \| \*\*not met\*\* \|/)
})
