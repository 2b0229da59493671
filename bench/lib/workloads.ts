/* The workloads that every server is given, and what unstale has to reach in each. */

import type { Kind } from './contender.ts'
import type { LoadOptions, Result } from './load.ts'

export interface Target {
  /** What is compared with the floor's. */
  readonly figure: 'cpu_us_per_delivery' | 'deliveries_per_s' | 'connects_per_s' | 'p50_us' | 'p99_us'
  readonly at: 'most' | 'least'
  readonly ratio: number
}

export interface Workload {
  readonly name: string
  readonly title: string
  readonly kind: Kind
  readonly options: LoadOptions
  /** Whose floor counts; a server that cannot take arrays or marks is given the same as messages. */
  readonly floor: string
  readonly targets: readonly Target[]
  /** Peers run it too. */
  readonly peers: boolean
}

const OUTSTANDING = { window: 64, publishers: 64 }
const cpu = (ratio: number): Target => ({ figure: 'cpu_us_per_delivery', at: 'most', ratio })
const rate = (ratio: number): Target => ({ figure: 'deliveries_per_s', at: 'least', ratio })

export const WORKLOADS: readonly Workload[] = [
  {
    name: 'fan1k',
    title: '1,000 subscribers of one scope, one message outstanding',
    kind: 'messages',
    options: { subscribers: 1000, messages: 300, window: 1 },
    floor: 'fan1k',
    targets: [cpu(1.05), rate(0.95)],
    peers: true,
  },
  {
    name: 'fan10k',
    title: '10,000 subscribers of one scope, one message outstanding',
    kind: 'messages',
    options: { subscribers: 10000, messages: 30, window: 1 },
    floor: 'fan10k',
    targets: [cpu(1.05), rate(0.95)],
    peers: true,
  },
  {
    name: 'burst1k',
    title: '1,000 subscribers, 64 messages outstanding',
    kind: 'messages',
    options: { subscribers: 1000, messages: 640, ...OUTSTANDING },
    floor: 'burst1k',
    targets: [rate(10)],
    peers: true,
  },
  {
    name: 'burst10k',
    title: '10,000 subscribers, 64 messages outstanding',
    kind: 'messages',
    options: { subscribers: 10000, messages: 128, ...OUTSTANDING },
    floor: 'burst10k',
    targets: [rate(10)],
    peers: false,
  },
  {
    name: 'marks1k',
    title: '1,000 subscribers, 64 marks of 20 keys outstanding',
    kind: 'marks',
    options: { subscribers: 1000, messages: 19200, keys: 20, ...OUTSTANDING },
    floor: 'burst1k',
    targets: [rate(30)],
    peers: false,
  },
  {
    name: 'marks10k',
    title: '10,000 subscribers, 64 marks of 20 keys outstanding',
    kind: 'marks',
    options: { subscribers: 10000, messages: 1920, keys: 20, ...OUTSTANDING },
    floor: 'burst10k',
    targets: [rate(30)],
    peers: false,
  },
  {
    name: 'scopes',
    title: '10,000 connections on 5,000 scopes, published one by one',
    kind: 'messages',
    options: { subscribers: 10000, topics: 5000, messages: 40000, window: 64, publishers: 16 },
    floor: 'scopes',
    targets: [cpu(1.1)],
    peers: true,
  },
  {
    name: 'arrays',
    title: 'the same in arrays of 2,500, eight at a time',
    kind: 'arrays',
    options: { subscribers: 10000, topics: 5000, messages: 160000, array: 2500, window: 20000, publishers: 8 },
    floor: 'scopes',
    targets: [rate(2)],
    peers: false,
  },
  {
    name: 'rate',
    title: '50 messages a second to 1,000 subscribers',
    kind: 'messages',
    options: { subscribers: 1000, messages: 200, rate: 50, depth: 1000 },
    floor: 'rate',
    targets: [
      { figure: 'p50_us', at: 'most', ratio: 1.05 },
      { figure: 'p99_us', at: 'most', ratio: 1.2 },
    ],
    peers: true,
  },
  {
    name: 'connects',
    title: '10,000 connections, 200 at a time',
    kind: 'messages',
    options: { subscribers: 10000, messages: 0 },
    floor: 'connects',
    targets: [{ figure: 'connects_per_s', at: 'least', ratio: 0.9 }],
    peers: true,
  },
]

/** What the messages are multiplied with; a rest between connecting and publishing lets both sides settle. */
export function optionsFor(workload: Workload, share: number): LoadOptions {
  const messages = Number(workload.options['messages'] ?? 0)
  const least = Math.min(messages, 10)
  return { idle: messages > 0 ? 0.3 : 0, ...workload.options, messages: Math.max(least, Math.round(messages * share)) }
}

/** Nothing may be missing, whatever was measured. In bursts several connections publish, so there is no order. */
export function faults(workload: Workload, result: Result): number {
  const ordered = workload.options['publishers'] === undefined
  return result.lost + result.doubled + result.failed + result.refused + result.closed + (ordered ? result.reordered : 0)
}
