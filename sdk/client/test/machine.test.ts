import { describe, expect, test } from 'vitest'
import { INITIAL, isLive, move, MOVES, wakeIn } from '../src/machine.ts'
import type { Input, Machine, MachineSettings } from '../src/machine.ts'
import { classify, parseRetryAfter } from '../src/failure.ts'

const settings: MachineSettings = {}
const closed = { kind: 'closed', message: 'closed' } as const

/** Moves through a list of [time, input], with the highest random number. */
function run(steps: readonly (readonly [now: number, input: Input])[], from: Machine = INITIAL, using = settings, transports = 1): Machine {
  return steps.reduce((machine, [now, input]) => move(machine, input, { now, random: 0.999, transports }, using), from)
}

const opening = run([[0, { type: 'connect' }]])
const opened = run([[100, { type: 'ready', attempt: 1, heartbeat: 25_000 }]], opening)

describe('a late answer of an old attempt is ignored', () => {
  const second = run([[200, { type: 'reconnect' }]], opened)
  test.each<Input>([
    { type: 'ready', attempt: 1, heartbeat: 1 },
    { type: 'ended', attempt: 1, failure: closed },
    { type: 'heard', attempt: 1 },
    { type: 'retry', attempt: 1, milliseconds: 5 },
  ])('$type', (input) => {
    expect(second).toMatchObject({ at: 'connecting', attempt: 2 })
    expect(run([[300, input]], second)).toBe(second)
  })

  test('and after disconnect there is no attempt to answer', () => {
    const idle = run([[200, { type: 'disconnect' }]], opened)
    expect(run([[300, { type: 'ended', attempt: 1, failure: closed }]], idle)).toBe(idle)
    expect(run([[300, { type: 'ready', attempt: 1, heartbeat: 1 }]], idle)).toBe(idle)
  })
})

/** The wait after an attempt that was the `failures`th in a row to fail. */
function waitAfter({ failures, random, retry = 0, retryAfter = 0 }: { failures: number; random: number; retry?: number; retryAfter?: number }): number {
  const failing: Machine = { ...opening, failures: failures - 1, retry }
  return move(failing, { type: 'ended', attempt: 1, failure: { ...closed, retryAfter } }, { now: 0, random, transports: 1 }, settings).wait
}

test.each([
  ['token', [401, 4401]],
  ['forbidden', [403, 4403]],
  ['later', [429, 500, 502, 503, 599, 1011, 1013, 1014, 4429, 4503]],
  ['restart', [1001, 1012]],
  ['mistake', [400, 404, 405, 410, 1002, 1003, 1007, 1008, 1009, 1010, 4400, 4404, 4999]],
  ['lost', [undefined, 0, 204, 304, 1000, 1005, 1006, 1015]],
] as const)('is classified as %s: %j', (expected, statuses) => {
  for (const status of statuses) expect(`${status} ${classify({ ...closed, status })}`).toBe(`${status} ${expected}`)
})

describe('backoff', () => {
  test('the bound doubles up to the ceiling', () => {
    const bounds = [1, 2, 3, 4, 5, 6, 7, 1000].map((failures) => waitAfter({ failures, random: 0.9999999 }) + 1)
    expect(bounds).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000])
  })

  test('the wait is anywhere below the bound', () => {
    expect(waitAfter({ failures: 4, random: 0 })).toBe(0)
    expect(waitAfter({ failures: 4, random: 0.5 })).toBe(4000)
  })

  test('goes on growing when connections open but do not last', () => {
    let machine = opening
    for (let round = 1; round <= 4; round += 1) {
      const now = round * 100_000
      machine = run([
        [now, { type: 'ready', attempt: machine.attempt, heartbeat: 25_000 }],
        [now + 9000, { type: 'ended', attempt: machine.attempt, failure: closed }],
        [now + 90_000, { type: 'wake' }],
      ], machine)
      expect(machine).toMatchObject({ at: 'connecting', failures: round })
    }
  })

  test('is reset by a connection that proved stable', () => {
    const tired: Machine = { ...opening, failures: 7 }
    const machine = run([
      [0, { type: 'ready', attempt: 1, heartbeat: 25_000 }],
      [10_000, { type: 'ended', attempt: 1, failure: closed }],
    ], tired)
    expect(machine).toMatchObject({ at: 'waiting', failures: 1, since: 10_000, wait: 999 })
  })

  test('never gives up by default', () => {
    let machine = opening
    for (let i = 0; i < 10_000; i += 1) {
      machine = run([
        [i * 60_000, { type: 'ended', attempt: machine.attempt, failure: closed }],
        [i * 60_000 + 30_000, { type: 'wake' }],
      ], machine)
    }
    expect(machine).toMatchObject({ at: 'connecting', failures: 10_000 })
  })

  test('gives up after maxAttempts; then only connect and reconnect help', () => {
    const using = { ...settings, maxAttempts: 2 }
    const failed = run([
      [0, { type: 'connect' }],
      [1, { type: 'ended', attempt: 1, failure: closed }],
      [5000, { type: 'wake' }],
      [5001, { type: 'ended', attempt: 2, failure: closed }],
    ], INITIAL, using)
    expect(failed).toMatchObject({ at: 'error', failures: 2, failure: closed })
    expect(run([[6000, { type: 'verify', suspect: true }], [7000, { type: 'wake' }]], failed, using)).toBe(failed)
    expect(run([[6000, { type: 'reconnect' }]], failed, using)).toMatchObject({ at: 'connecting', attempt: 3, failures: 0 })
    expect(run([[6000, { type: 'connect' }]], failed, using)).toMatchObject({ at: 'connecting', attempt: 3, failures: 0 })
  })

  test('retry: is a floor, Retry-After comes before the jitter, both are bounded', () => {
    expect(waitAfter({ failures: 1, random: 0.3, retry: 2000 })).toBe(2000)
    expect(waitAfter({ failures: 4, random: 0.625, retry: 2000 })).toBe(5000)
    expect(waitAfter({ failures: 1, random: 0.3, retry: 2000, retryAfter: 7000 })).toBe(7300)
    expect(waitAfter({ failures: 1, random: 0.3, retry: 1e15 })).toBe(600_000)
    expect(waitAfter({ failures: 1, random: 0.3, retryAfter: 1e15 })).toBe(600_300)
  })

  test('Retry-After is seconds or a date', () => {
    const now = Date.parse('2026-01-01T00:00:00Z')
    expect(parseRetryAfter('3', now)).toBe(3000)
    expect(parseRetryAfter('Thu, 01 Jan 2026 00:00:10 GMT', now)).toBe(10_000)
    expect(parseRetryAfter('Wed, 31 Dec 2025 00:00:10 GMT', now)).toBe(0)
    expect(parseRetryAfter('soon', now)).toBe(0)
    expect(parseRetryAfter(null, now)).toBe(0)
  })
})

describe('the watchdog', () => {
  test('drops a connection after two silent heartbeats, not before', () => {
    const heard = run([[10_000, { type: 'heard', attempt: 1 }]], opened)
    expect(run([[59_999, { type: 'wake' }]], heard)).toBe(heard)
    expect(run([[60_000, { type: 'wake' }]], heard)).toMatchObject({ at: 'waiting', failure: { kind: 'silent' } })
  })

  test('looks more often than it is due, because timers stand still while a computer sleeps', () => {
    expect(wakeIn(opened, 100)).toBe(6250)
    expect(wakeIn(opened, 49_100)).toBe(1000)
  })

  test('is off when the server announced no heartbeat', () => {
    const quiet = run([[100, { type: 'ready', attempt: 1, heartbeat: 0 }]], opening)
    expect(wakeIn(quiet, 100)).toBe(Infinity)
    expect(run([[1e9, { type: 'wake' }]], quiet)).toBe(quiet)
  })

  test('a clock that was set back does not put it to sleep', () => {
    expect(run([[-86_400_000, { type: 'wake' }]], opened)).toMatchObject({ at: 'waiting' })
    const waiting = run([[200, { type: 'ended', attempt: 1, failure: closed }]], opened)
    expect(run([[-86_400_000, { type: 'wake' }]], waiting)).toMatchObject({ at: 'connecting' })
  })

  test('an attempt without ready ends in time', () => {
    expect(run([[19_999, { type: 'wake' }]], opening)).toBe(opening)
    expect(run([[20_000, { type: 'wake' }]], opening)).toMatchObject({ at: 'waiting', failure: { kind: 'timeout' } })
  })
})

describe('verify', () => {
  test('ends a wait', () => {
    const waiting = run([[200, { type: 'ended', attempt: 1, failure: closed }]], opened)
    expect(run([[201, { type: 'verify', suspect: false }]], waiting)).toMatchObject({ at: 'connecting', attempt: 2, failures: 1 })
  })
  test('keeps a connection that was heard lately', () => {
    expect(run([[20_000, { type: 'verify', suspect: false }]], opened)).toBe(opened)
  })
  test('replaces one that missed a heartbeat', () => {
    expect(run([[25_101, { type: 'verify', suspect: false }]], opened)).toMatchObject({ at: 'connecting', attempt: 2 })
  })
  test('replaces one that is suspect', () => {
    expect(run([[101, { type: 'verify', suspect: true }]], opened)).toMatchObject({ at: 'connecting', attempt: 2 })
    expect(run([[101, { type: 'verify', suspect: true }]], opening)).toMatchObject({ at: 'connecting', attempt: 2 })
  })
  test('does not open what nobody asked for', () => {
    expect(run([[0, { type: 'verify', suspect: true }]])).toBe(INITIAL)
  })
})

test('whatever happens, only the moves of the table are made, and attempts only count up', () => {
  let seed = 7
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    return seed / 2 ** 32
  }
  const using = { ...settings, maxAttempts: 4 }
  let machine: Machine = INITIAL
  let now = 0
  const made = new Set<string>()
  for (let i = 0; i < 50_000; i += 1) {
    const attempt = Math.max(0, machine.attempt - (random() < 0.2 ? 1 : 0))
    const inputs: Input[] = [
      { type: 'connect' }, { type: 'disconnect' }, { type: 'reconnect' }, { type: 'rescope' }, { type: 'heard', attempt },
      { type: 'retry', attempt, milliseconds: 10 }, { type: 'ready', attempt, heartbeat: 1000 }, { type: 'ended', attempt, failure: closed },
      { type: 'ended', attempt, failure: closed }, { type: 'verify', suspect: random() < 0.5 }, { type: 'wake' }, { type: 'wake' },
    ]
    const input = inputs[Math.floor(random() * inputs.length)] as Input
    if ((input.type === 'disconnect' || input.type === 'reconnect') && random() < 0.7) continue
    now += Math.floor(random() * 5000)
    const next = move(machine, input, { now, random: random(), transports: 1 }, using)
    if (next.at !== machine.at || next.attempt !== machine.attempt) {
      expect(MOVES[machine.at]).toContain(next.at)
      made.add(`${machine.at} ${next.at}`)
    }
    expect(next.attempt - machine.attempt).toBe(next.at === 'connecting' && next.attempt !== machine.attempt ? 1 : 0)
    expect(wakeIn(next, now) === Infinity).toBe(next.at === 'disconnected' || next.at === 'error')
    if (isLive(machine) && !isLive(next)) expect(['disconnected', 'waiting', 'error']).toContain(next.at)
    machine = next
  }
  const table = Object.entries(MOVES).flatMap(([from, targets]) => targets.map((to) => `${from} ${to}`))
  expect([...made].sort()).toEqual(table.sort())
})
