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

export interface Failure {
  /** `network`: no answer. `http`: refused with a status. `protocol`: an answer that is not our stream. `closed`: the
   *  stream ended. `silent`: two heartbeats stayed away. `timeout`: no `ready` in time. */
  kind: 'network' | 'http' | 'protocol' | 'closed' | 'silent' | 'timeout'
  message: string
  status?: number
  /** What the server's Retry-After asked for, ms. */
  retryAfter?: number
}

interface Common {
  /** The number of the current or of the last attempt; 0 before the first. */
  attempt: number
  /** Attempts that failed since a connection last proved stable. */
  failures: number
  /** The server's last `retry:`, ms. */
  retry: number
  /** Why the last attempt or connection ended; null when none did or the present one works. */
  failure: Failure | null
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
}

export interface Moment {
  now: number
  random: number
}

export const INITIAL: Machine = { at: 'idle', attempt: 0, failures: 0, retry: 0, failure: null }

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
      return machine.at === 'idle' || machine.at === 'failed' ? open(machine, now, 0) : machine
    case 'reconnect':
      return open(machine, now, 0)
    case 'disconnect':
      return machine.at === 'idle' ? machine : { ...common(machine), at: 'idle', failures: 0, failure: null }
    case 'rescope':
      return machine.at === 'opening' || machine.at === 'open' ? open(machine, now, failuresNow(machine, now, settings)) : machine
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
      return settings.openTimeout - elapsed(machine.since, now)
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

function common({ attempt, failures, retry, failure }: Machine): Common {
  return { attempt, failures, retry, failure }
}

function elapsed(from: number, now: number): number {
  return now < from ? Number.MAX_SAFE_INTEGER : now - from
}

function open(machine: Machine, now: number, failures: number): Machine {
  return { ...common(machine), at: 'opening', attempt: machine.attempt + 1, failures, since: now }
}

/** The count to go on with when a connection is left: nothing once it proved stable. */
function failuresNow(machine: Machine, now: number, settings: MachineSettings): number {
  return machine.at === 'open' && elapsed(machine.since, now) >= settings.stableAfter ? 0 : machine.failures
}

function end(machine: Machine, failure: Failure, { now, random }: Moment, settings: MachineSettings): Machine {
  const failures = failuresNow(machine, now, settings) + 1
  const rest = { ...common(machine), failures, failure }
  if (failures >= settings.maxAttempts) return { ...rest, at: 'failed' }
  const wait = nextWait(fullJitter(failures, random, settings), machine.retry, failure.retryAfter ?? 0)
  return { ...rest, at: 'waiting', since: now, until: now + wait }
}

function verify(machine: Machine, suspect: boolean, now: number, settings: MachineSettings): Machine {
  switch (machine.at) {
    case 'waiting':
      return open(machine, now, machine.failures)
    case 'opening':
      return suspect ? open(machine, now, machine.failures) : machine
    case 'open': {
      const quiet = machine.heartbeat > 0 && elapsed(machine.heardAt, now) > machine.heartbeat
      return suspect || quiet ? open(machine, now, failuresNow(machine, now, settings)) : machine
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
      const seconds = settings.openTimeout / 1000
      if (elapsed(machine.since, now) < settings.openTimeout) return machine
      return end(machine, { kind: 'timeout', message: `no ready event within ${seconds} s` }, moment, settings)
    }
    case 'waiting':
      return elapsed(machine.since, now) >= machine.until - machine.since ? open(machine, now, machine.failures) : machine
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
