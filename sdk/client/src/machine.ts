/* The connection as a value, and `move`, the only function that changes it. No I/O, no clock, no random source: the
 * time and a random number are arguments, so every path can be tested without a network.
 *
 *              connect, reconnect                     ready
 *     idle ────────────────────────▶ opening ───────────────────────▶ open
 *      ▲                              ▲    │ ended, too late            │ ended, silent
 *      │ disconnect                   │    ▼                            ▼
 *      └── (from anywhere)            └── waiting ◀─────────────────────┘
 *                          time is up, │    │ maxAttempts reached
 *                          verify      │    ▼
 *                                      └─ failed        (only by connect or reconnect)
 *
 * `opening` begins a new attempt each time it is entered, and each attempt has a new number. What an attempt reports
 * carries its number, and `move` ignores every number but the current one; so an answer that comes late, from a
 * connection already given up, cannot disturb its successor.
 *
 * All times are wall clock. A computer that slept shows a jump, which is just what the watchdog must see; a monotonic
 * clock may stand still meanwhile. A wall clock can also be set back: a time "in the future" counts as long ago.
 */

import { fullJitter, nextWait } from './backoff.ts'
import type { BackoffBounds } from './backoff.ts'
import { classify } from './failure.ts'
import type { Failure, FailureClass } from './failure.ts'

interface Common {
  /** The number of the current or of the last attempt; 0 before the first. */
  attempt: number
  /** Attempts that failed since a connection last proved stable. */
  failures: number
  /** The server's last `retry:`, ms. */
  retry: number
  /** Why the last attempt or connection ended; null when none did or the present one works. */
  failure: Failure | null
  /** Transports that this round has not tried yet. A round ends with a wait. */
  others: number
}

export type Machine = Common &
  (
    | { at: 'idle' }
    | { at: 'opening'; since: number }
    | { at: 'open'; since: number; heardAt: number; heartbeat: number }
    | { at: 'waiting'; since: number; until: number }
    | { at: 'failed' }
  )

export type Input =
  | { type: 'connect' }
  | { type: 'disconnect' }
  | { type: 'reconnect' }
  /** The scopes changed: what is open or being opened asks for the wrong ones. */
  | { type: 'rescope' }
  /** Bytes arrived. */
  | { type: 'heard'; attempt: number }
  | { type: 'retry'; attempt: number; milliseconds: number }
  /** `heartbeat` in ms; 0 if the server announced none, then there is no watchdog. */
  | { type: 'ready'; attempt: number; heartbeat: number }
  | { type: 'ended'; attempt: number; failure: Failure }
  /** The page or the network is back. `suspect`: whatever was open is probably dead. */
  | { type: 'verify'; suspect: boolean }
  /** The timer of `wakeIn` fired. */
  | { type: 'wake' }

export interface MachineSettings extends BackoffBounds {
  /** A connection that was open this long counts as stable, ms. */
  stableAfter: number
  /** From the request to `ready`, ms. */
  openTimeout: number
  maxAttempts: number
  /** How many transports a round may try: when one does not get as far as `ready`, the next is tried at once. */
  transports: number
  /** From the request to `ready` while there is another transport to try, ms: a proxy that buffers says nothing at all. */
  fallbackAfter: number
}

export interface Moment {
  now: number
  random: number
}

export const INITIAL: Machine = { at: 'idle', attempt: 0, failures: 0, retry: 0, failure: null, others: 0 }

/** Which phase may follow which; a tested property of `move`. */
export const MOVES: Record<Machine['at'], readonly Machine['at'][]> = {
  idle: ['opening'],
  opening: ['opening', 'open', 'waiting', 'failed', 'idle'],
  open: ['opening', 'waiting', 'failed', 'idle'],
  waiting: ['opening', 'idle'],
  failed: ['opening', 'idle'],
}

const SILENT_HEARTBEATS = 2

export function move(machine: Machine, input: Input, moment: Moment, settings: MachineSettings): Machine {
  const { now } = moment
  switch (input.type) {
    case 'connect':
      return machine.at === 'idle' || machine.at === 'failed' ? open(machine, now, 0, settings.transports - 1) : machine
    case 'reconnect':
      return open(machine, now, 0, settings.transports - 1)
    case 'disconnect':
      return machine.at === 'idle' ? machine : { ...common(machine), at: 'idle', failures: 0, failure: null }
    case 'rescope':
      return machine.at === 'opening' || machine.at === 'open' ? open(machine, now, failuresNow(machine, now, settings), settings.transports - 1) : machine
    case 'heard':
      return machine.at === 'open' && machine.attempt === input.attempt ? { ...machine, heardAt: now } : machine
    case 'retry':
      return isLive(machine) && machine.attempt === input.attempt ? { ...machine, retry: input.milliseconds } : machine
    case 'ready':
      if (!isLive(machine) || machine.attempt !== input.attempt) return machine
      if (machine.at === 'open') return { ...machine, heardAt: now, heartbeat: input.heartbeat }
      return { ...common(machine), at: 'open', since: now, heardAt: now, heartbeat: input.heartbeat, failure: null }
    case 'ended':
      return isLive(machine) && machine.attempt === input.attempt ? end(machine, input.failure, moment, settings) : machine
    case 'verify':
      return verify(machine, input.suspect, now, settings)
    case 'wake':
      return wake(machine, moment, settings)
  }
}

/** Milliseconds until `wake` has something to do; null when only an input can change the phase. */
export function wakeIn(machine: Machine, now: number, settings: MachineSettings): number | null {
  switch (machine.at) {
    case 'opening':
      return openTimeout(machine, settings) - elapsed(machine.since, now)
    case 'waiting':
      return machine.until - machine.since - elapsed(machine.since, now)
    case 'open': {
      if (machine.heartbeat <= 0) return null
      const left = SILENT_HEARTBEATS * machine.heartbeat - elapsed(machine.heardAt, now)
      /* Looked at more often than due: a timer set before the computer slept fires as late as it slept long. */
      return Math.min(left, Math.max(1000, machine.heartbeat / 4))
    }
    case 'idle':
    case 'failed':
      return null
  }
}

/** True while an attempt exists whose request is running. */
export function isLive(machine: Machine): machine is Machine & { at: 'opening' | 'open' } {
  return machine.at === 'opening' || machine.at === 'open'
}

function common({ attempt, failures, retry, failure, others }: Machine): Common {
  return { attempt, failures, retry, failure, others }
}

function openTimeout(machine: Machine, settings: MachineSettings): number {
  return machine.others > 0 ? Math.min(settings.fallbackAfter, settings.openTimeout) : settings.openTimeout
}

function elapsed(from: number, now: number): number {
  return now < from ? Number.MAX_SAFE_INTEGER : now - from
}

function open(machine: Machine, now: number, failures: number, others: number): Machine {
  return { ...common(machine), at: 'opening', attempt: machine.attempt + 1, failures, since: now, others }
}

/** What is not over in a moment is waited for as if it had failed this often already. */
const COUNTS_AS: Partial<Record<FailureClass, number>> = { later: 2, mistake: 5 }

/** The count to go on with when a connection is left: nothing once it proved stable. */
function failuresNow(machine: Machine, now: number, settings: MachineSettings): number {
  return machine.at === 'open' && elapsed(machine.since, now) >= settings.stableAfter ? 0 : machine.failures
}

function end(machine: Machine, failure: Failure, { now, random }: Moment, settings: MachineSettings): Machine {
  const cause = classify(failure)
  /* Only what may lie in the way to the server is another transport's chance; what the server itself said holds for all. */
  if (machine.at === 'opening' && machine.others > 0 && failure.kind !== 'token' && cause === 'lost') {
    return { ...open(machine, now, machine.failures, machine.others - 1), failure }
  }
  const failures = failuresNow(machine, now, settings) + 1
  const rest = { ...common(machine), failures, failure }
  if (failures >= settings.maxAttempts) return { ...rest, at: 'failed' }
  const wait = nextWait(fullJitter(Math.max(failures, failure.retryAfter ? 0 : (COUNTS_AS[cause] ?? 0)), random, settings), machine.retry, failure.retryAfter ?? 0)
  return { ...rest, at: 'waiting', since: now, until: now + wait }
}

function verify(machine: Machine, suspect: boolean, now: number, settings: MachineSettings): Machine {
  switch (machine.at) {
    case 'waiting':
      return open(machine, now, machine.failures, settings.transports - 1)
    case 'opening':
      return suspect ? open(machine, now, machine.failures, settings.transports - 1) : machine
    case 'open': {
      const quiet = machine.heartbeat > 0 && elapsed(machine.heardAt, now) > machine.heartbeat
      return suspect || quiet ? open(machine, now, failuresNow(machine, now, settings), settings.transports - 1) : machine
    }
    case 'idle':
    case 'failed':
      return machine
  }
}

function wake(machine: Machine, moment: Moment, settings: MachineSettings): Machine {
  const { now } = moment
  switch (machine.at) {
    case 'opening': {
      const limit = openTimeout(machine, settings)
      if (elapsed(machine.since, now) < limit) return machine
      return end(machine, { kind: 'timeout', message: `no ready event within ${limit / 1000} s` }, moment, settings)
    }
    case 'waiting':
      return elapsed(machine.since, now) >= machine.until - machine.since ? open(machine, now, machine.failures, settings.transports - 1) : machine
    case 'open': {
      const limit = SILENT_HEARTBEATS * machine.heartbeat
      if (limit <= 0 || elapsed(machine.heardAt, now) < limit) return machine
      return end(machine, { kind: 'silent', message: `nothing was heard for ${limit / 1000} s` }, moment, settings)
    }
    case 'idle':
    case 'failed':
      return machine
  }
}
