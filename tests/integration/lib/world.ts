/* A model of what the whole is for: a world in which things change, and pages that show copies of it.
 *
 * Each thing has a version. A page that is told that something is stale copies it anew, at once. Whatever happens to
 * the connections, in the end every page must show what is there (`same`), and at no moment may it lack a version
 * whose position it has been granted (`granted`): that would be a stale page that believes itself to be current.
 *
 * Things are named [group, number] within a scope, so that marks of all widths can be looked up. */

import assert from 'node:assert/strict'
import type { Key, StreamEvent } from './sse.ts'
import { epochOf, sequenceOf } from './sse.ts'

/** Groups of numbered things; the number is the version. */
type Things = Map<unknown, Map<unknown, number>>

export interface Laid {
  scope: string
  group: unknown
  thing: unknown
  version: number
}

interface Transaction {
  epoch: string
  sequence: number
  laid: Laid[]
}

function put(scopes: Map<string, Things>, scope: string, group: unknown, thing: unknown, version: number): void {
  let things = scopes.get(scope)
  if (!things) scopes.set(scope, (things = new Map()))
  let numbers = things.get(group)
  if (!numbers) things.set(group, (numbers = new Map()))
  numbers.set(thing, version)
}

export function inFamily(scope: string, family: string): boolean {
  if (family === '*') return true
  return family.endsWith(':*') && scope.startsWith(family.slice(0, -1))
}

export class World {
  readonly scopes = new Map<string, Things>()
  /** What each accepted transaction changed, by position. */
  readonly history: Transaction[] = []
  version = 0

  /** The things that there are; each of version 0. */
  constructor(scopes: readonly string[], groups: readonly unknown[], numbers: number) {
    for (const scope of scopes)
      for (const group of groups)
        for (let number = 0; number < numbers; number++) put(this.scopes, scope, group, number, 0)
  }

  /** Everything that the mark covers changes; to be called before the mark is published. */
  change(scope: string, key: Key): Laid[] {
    const laid: Laid[] = []
    const version = ++this.version
    for (const [name, things] of this.scopes) {
      if (name !== scope && !(scope.endsWith('*') && inFamily(name, scope))) continue
      for (const [group, numbers] of things) {
        if (key.length > 0 && key[0] !== group) continue
        for (const number of numbers.keys()) {
          if (key.length > 1 && key[1] !== number) continue
          numbers.set(number, version)
          laid.push({ scope: name, group, thing: number, version })
        }
      }
    }
    return laid
  }

  /** A thing that was not there before. */
  create(scope: string, group: unknown, thing: unknown): Laid[] {
    const version = ++this.version
    put(this.scopes, scope, group, thing, version)
    return [{ scope, group, thing, version }]
  }

  accepted(position: string, laid: Laid[]): void {
    this.history.push({ epoch: epochOf(position), sequence: sequenceOf(position), laid })
  }
}

export class Page {
  readonly world: World
  readonly name: string
  readonly held = new Set<string>()
  readonly #copies = new Map<string, Things>()
  readonly notices: string[] = []
  /** Of the world's history: how much of it is either granted and looked at, or pending. */
  #seen = 0
  #pending: Transaction[] = []
  position: string | undefined
  /** How often the server could not say what was missed. */
  resets = 0
  exacts = 0

  constructor(world: World, name: string) {
    this.world = world
    this.name = name
  }

  /** Copies what the mark covers. */
  #fetch(scope: string, key: Key): void {
    const things = this.world.scopes.get(scope)
    if (!things) return
    if (key.length === 0) {
      for (const [group, numbers] of things) for (const [thing, version] of numbers) put(this.#copies, scope, group, thing, version)
    } else if (key.length === 1) {
      for (const [thing, version] of things.get(key[0]) ?? []) put(this.#copies, scope, key[0], thing, version)
    } else {
      const version = things.get(key[0])?.get(key[1])
      if (version !== undefined) put(this.#copies, scope, key[0], key[1], version)
    }
  }

  take(event: StreamEvent): void {
    switch (event.event) {
      case 'ready':
        for (const [scope, standing] of Object.entries(event.data.scopes)) {
          this.held.add(scope)
          if (standing === 'reset') this.resets++
          if (standing === 'exact') this.exacts++
          else this.#fetch(scope, [])
        }
        break
      case 'stale':
        for (const scope of this.held)
          if (scope === event.data.scope || inFamily(scope, event.data.scope))
            for (const key of event.data.keys) this.#fetch(scope, key)
        break
      case 'reset':
        this.resets++
        for (const scope of this.held)
          for (const name of event.data.scopes) if (scope === name || inFamily(scope, name)) this.#fetch(scope, [])
        break
      case 'notice':
        this.notices.push(event.data.id)
        break
    }
    if (event.id !== null) this.#granted(event.id, event.event === 'ready')
  }

  /** Gives a scope up: what it shows of it is nobody's promise any more. */
  drop(scope: string): void {
    this.held.delete(scope)
    this.#copies.delete(scope)
  }

  /** A `ready` may grant less than before, where it is about a scope that goes on from an older position. */
  #granted(position: string, less: boolean): void {
    if (!less && this.position !== undefined && epochOf(this.position) === epochOf(position))
      assert.ok(sequenceOf(position) >= sequenceOf(this.position), `${this.name}: granted ${position} after ${this.position}`)
    this.position = position
    this.granted()
  }

  #copy(scope: string, group: unknown, thing: unknown): number {
    return this.#copies.get(scope)?.get(group)?.get(thing) ?? -1
  }

  /** Nothing up to the position is missing here. */
  granted(): void {
    const { position } = this
    if (position === undefined) return
    const epoch = epochOf(position)
    const sequence = sequenceOf(position)
    const { history } = this.world
    while (this.#seen < history.length) this.#pending.push(history[this.#seen++] as Transaction)
    this.#pending = this.#pending.filter((transaction) => {
      if (transaction.epoch !== epoch || transaction.sequence > sequence) return true
      for (const { scope, group, thing, version } of transaction.laid)
        if (this.held.has(scope) && this.#copy(scope, group, thing) < version)
          assert.fail(`${this.name} is at ${position} and lacks ${scope} [${String(group)},${String(thing)}] of ${epoch}-${transaction.sequence}`)
      return false
    })
  }

  /** It shows what is there. */
  same(): void {
    for (const scope of this.held)
      for (const [group, numbers] of this.world.scopes.get(scope) ?? [])
        for (const [thing, version] of numbers)
          assert.equal(this.#copy(scope, group, thing), version, `${this.name} at ${this.position}: ${scope} [${String(group)},${String(thing)}]`)
  }
}
