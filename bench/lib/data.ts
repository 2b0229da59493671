/* Everything that a run of scripts/bench found: what bench.json holds and the report is made from. */

import type { Transport } from './contender.ts'
import type { Result } from './load.ts'
import type { Machine } from './machine.ts'
import type { Commit, Growth, Index, Memory, Slow } from './once.ts'
import type { Rude } from './rude.ts'
import type { OfPostgres } from './postgres.ts'

export interface Measured {
  round: number
  workload: string
  server: string
  transport: Transport
  result: Result
}

export interface Failed {
  what: string
  why: string
}

export interface Data {
  when: string
  version: string
  quick: boolean
  rounds: number
  seconds: number
  pinned: boolean
  machine: Machine
  missing: string[]
  measured: Measured[]
  failed: Failed[]
  memory: Memory[]
  slow: Slow[]
  index: Index[]
  commits: Commit[]
  growth: Growth[]
  /** Missing where it was not measured. */
  rude?: Rude[]
  /** Missing where it was not measured. */
  postgres?: OfPostgres
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  const high = sorted[middle] ?? NaN
  return sorted.length % 2 ? high : ((sorted[middle - 1] ?? NaN) + high) / 2
}

/** What is measured with it, by round. */
export class Table {
  readonly #rows = new Map<string, Measured[]>()

  constructor(measured: readonly Measured[]) {
    for (const one of measured) {
      const name = Table.#name(one.workload, one.server, one.transport)
      const rows = this.#rows.get(name)
      if (rows) rows.push(one)
      else this.#rows.set(name, [one])
    }
  }

  static #name(workload: string, server: string, transport: Transport): string {
    return `${workload}/${server}/${transport}`
  }

  rows(workload: string, server: string, transport: Transport): readonly Measured[] {
    return this.#rows.get(Table.#name(workload, server, transport)) ?? []
  }

  /** The median over the rounds; null when it was not measured. */
  figure(workload: string, server: string, transport: Transport, of: keyof Result): number | null {
    const rows = this.rows(workload, server, transport)
    return rows.length ? median(rows.map((row) => Number(row.result[of]))) : null
  }

  /** The median of the rounds' ratios: what disturbs a round disturbs both of its sides. */
  ratio(workload: string, server: string, transport: Transport, of: keyof Result, to: { workload: string; server: string }): number | null {
    const below = new Map(this.rows(to.workload, to.server, transport).map((row) => [row.round, Number(row.result[of])]))
    const ratios = this.rows(workload, server, transport).flatMap((row) => {
      const other = below.get(row.round)
      return other ? [Number(row.result[of]) / other] : []
    })
    return ratios.length ? median(ratios) : null
  }

  /** Servers that took part in a workload. */
  contenders(workload: string): { server: string; transport: Transport }[] {
    return [...this.#rows.values()].flatMap(([first]) =>
      first && first.workload === workload ? [{ server: first.server, transport: first.transport }] : [],
    )
  }
}
