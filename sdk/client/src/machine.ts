/* The connection as a value, and `move`, the only function that changes it. No I/O, no clock, no random source: the
 * time and a random number are arguments, so every path can be tested without a network.
 *
 *                connect, reconnect             ready
 *     disconnected ─────────────▶ connecting ─────────────▶ connected
 *      ▲                           ▲    │ ended, too late       │ ended, silent
 *      │ disconnect                │    ▼                       ▼
 *      └── (from anywhere)         └── waiting ◀────────────────┘
 *                       time is up, │    │ maxAttempts reached
 *                       verify      │    ▼
 *                                   └─ error         (only by connect or reconnect)
 *
 * The names are those that the page is told, but that to the page `waiting` is `disconnected` too.
 *
 * `connecting` begins a new attempt each time it is entered, and each attempt has a new number. What an attempt reports
 * carries its number, and `move` ignores every number but the current one; so an answer that comes late, from a
 * connection already given up, cannot disturb its successor.
 *
 * All times are wall clock. A computer that slept shows a jump, which is just what the watchdog must see; a monotonic
 * clock may stand still meanwhile. A wall clock can also be set back: a time "in the future" counts as long ago.
 */

import { classify } from './failure.ts'
import type { Failure, FailureClass } from './failure.ts'

export interface Machine {
  at: 'disconnected' | 'connecting' | 'connected' | 'waiting' | 'error'
  /** When the phase began. */
  since: number
  /** Of `connecting` and `waiting`: how long it may last, ms. */
  wait: number
  /** Of `connected`: when something last arrived, and the ms between two signs of life; 0 if the server announced none, then there
   *  is no watchdog. */
  heardAt: number
  heartbeat: number
  /** The number of the current or of the last attempt; 0 before the first. */
  attempt: number
  /** Attempts that failed since a connection last proved stable. */
  failures: number
  /** The server's last `retry:`, ms. */
  retry: number
  /** Why the last attempt or connection ended; null when none did or the present one works. */
  failure: Failure | null
  /** Transports that this round has tried before the present one. A round ends with a wait. */
  tried: number
}

export type Input =
  | { type: 'connect' }
  | { type: 'disconnect' }
  | { type: 'reconnect' }
  /** The scopes changed: what is open or being opened asks for the wrong ones. */
  | { type: 'rescope' }
  /** Bytes arrived. */
  | { type: 'heard'; attempt: number }
  | { type: 'retry'; attempt: number; milliseconds: number }
  /** `heartbeat` in ms, or 0. */
  | { type: 'ready'; attempt: number; heartbeat: number }
  | { type: 'ended'; attempt: number; failure: Failure }
  /** The page or the network is back. `suspect`: whatever was open is probably dead. */
  | { type: 'verify'; suspect: boolean }
  /** The timer of `wakeIn` fired. */
  | { type: 'wake' }

export interface MachineSettings {
  /** The bound of the first wait, ms; default 1000. */
  backoffBase?: number | undefined
  /** The bound never exceeds this, ms; default 30000. */
  backoffCeiling?: number | undefined
  /** A connection that was open this long counts as stable, ms; default 10000. */
  stableAfter?: number | undefined
  /** From the request to `ready`, ms; default 20000. */
  openTimeout?: number | undefined
  /** By default there is none. */
  maxAttempts?: number | undefined
  /** From the request to `ready` while there is another transport to try, ms; default 5000: a proxy that buffers says nothing at all. */
  fallbackAfter?: number | undefined
}

export interface Moment {
  now: number
  random: number
  /** How many transports a round may try: when one does not get as far as `ready`, the next is tried at once. */
  transports: number
}

/* The other fields are written by the moves that lead to where they are read. */
export const INITIAL = { at: 'disconnected', attempt: 0, failures: 0, retry: 0, failure: null } as Machine

/** Which phase may follow which; a tested property of `move`. */
export const MOVES: Record<Machine['at'], readonly Machine['at'][]> = {
  disconnected: ['connecting'],
  connecting: ['connecting', 'connected', 'waiting', 'error', 'disconnected'],
  connected: ['connecting', 'waiting', 'error', 'disconnected'],
  waiting: ['connecting', 'disconnected'],
  error: ['connecting', 'disconnected'],
}

const SILENT_HEARTBEATS = 2

/** What a server may ask for at most, ms; beyond this it is taken for a mistake, since it would amount to giving up. */
const LONGEST_SERVER_WAIT = 10 * 60_000

/** What is not over in a moment is waited for as if it had failed this often already. */
const COUNTS_AS: Partial<Record<FailureClass, number>> = { later: 2, mistake: 5 }

export function move(machine: Machine, input: Input, { now, random, transports }: Moment, settings: MachineSettings): Machine {
  const { stableAfter = 10_000, openTimeout = 20_000, fallbackAfter = 5000, maxAttempts = Infinity, backoffBase = 1000, backoffCeiling = 30_000 } = settings
  const { at, heartbeat, tried } = machine
  const isOpen = at === 'connected'
  const live = isLive(machine)
  /* The count to go on with when a connection is left: nothing once it proved stable. */
  const failures = isOpen && elapsed(machine.since, now) >= stableAfter ? 0 : machine.failures
  const open = (failures: number, tried = 0): Machine => ({
    ...machine,
    at: 'connecting',
    attempt: machine.attempt + 1,
    failures,
    since: now,
    wait: Math.min(openTimeout, tried + 1 < transports ? fallbackAfter : Infinity),
    tried,
  })
  const end = (failure: Failure): Machine => {
    const cause = classify(failure)
    /* Only what may lie in the way to the server is another transport's chance; what the server itself said holds for all. */
    if (!isOpen && tried + 1 < transports && failure.kind !== 'token' && cause === 'lost') return { ...open(failures, tried + 1), failure }
    const { retryAfter = 0 } = failure
    const count = failures + 1
    /* Full jitter: anything below a bound that doubles with each failure. After a restart of the server all its clients come back, and
     * equal waits would bring them back together, again and again. */
    const bound = Math.min(backoffCeiling, backoffBase * 2 ** (Math.max(count, retryAfter ? 0 : (COUNTS_AS[cause] ?? 0)) - 1))
    /* `retry:` is random per client already, so it is a floor; a Retry-After is the same for everybody whom the server turned away,
     * so the jitter comes on top of it. */
    const wait = Math.max(Math.min(machine.retry, LONGEST_SERVER_WAIT), Math.min(retryAfter, LONGEST_SERVER_WAIT) + Math.floor(random * bound))
    return { ...machine, failures: count, failure, at: count < maxAttempts ? 'waiting' : 'error', since: now, wait }
  }

  if ('attempt' in input && !(live && input.attempt === machine.attempt)) return machine
  switch (input.type) {
    case 'connect':
      return live || at === 'waiting' ? machine : open(0)
    case 'reconnect':
      return open(0)
    case 'disconnect':
      return { ...machine, at: 'disconnected', failures: 0, failure: null }
    case 'rescope':
      return live ? open(failures) : machine
    case 'heard':
      return { ...machine, heardAt: now }
    case 'retry':
      return { ...machine, retry: input.milliseconds }
    case 'ready':
      return { ...machine, at: 'connected', since: isOpen ? machine.since : now, heardAt: now, heartbeat: input.heartbeat, failure: null }
    case 'ended':
      return end(input.failure)
    case 'verify':
      /* A connection that missed one heartbeat is suspect itself. */
      return at === 'waiting' || (isOpen && dueIn(machine, now) < heartbeat) || (live && input.suspect) ? open(failures) : machine
    case 'wake': {
      if (dueIn(machine, now) > 0) return machine
      if (at === 'waiting') return open(failures)
      const kind = isOpen ? 'silent' : 'timeout'
      return end({ kind, message: kind })
    }
  }
}

/** Milliseconds until `wake` has something to do; Infinity when only an input can change the phase. */
export function wakeIn(machine: Machine, now: number): number {
  const due = dueIn(machine, now)
  /* Looked at more often than due: a timer set before the computer slept fires as late as it slept long. */
  return due < Infinity && machine.at === 'connected' ? Math.min(due, Math.max(1000, machine.heartbeat / 4)) : due
}

/** True while an attempt exists whose request is running. */
export function isLive({ at }: Machine): boolean {
  return at === 'connecting' || at === 'connected'
}

function dueIn({ at, since, wait, heardAt, heartbeat }: Machine, now: number): number {
  if (at === 'connecting' || at === 'waiting') return wait - elapsed(since, now)
  return at === 'connected' && heartbeat > 0 ? SILENT_HEARTBEATS * heartbeat - elapsed(heardAt, now) : Infinity
}

function elapsed(from: number, now: number): number {
  return now < from ? Infinity : now - from
}
