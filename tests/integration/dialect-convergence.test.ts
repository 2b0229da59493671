/* Never silently stale, in the words of others: rows change at random, also in ways that no dialect can say, clients are cut at
 * random and come back as their documents do, and in the end each of them has seen the last version of every row. */

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { LegacySse, LegacyWs } from './lib/legacy.ts'
import { Random } from './lib/random.ts'
import { config, serve, type Unstale } from './lib/unstale.ts'
import { poll } from './lib/wait.ts'
import { cleanup } from './lib/cleanup.ts'

const RESOURCES = ['documents', 'chunks'] as const
const IDS = 30

/** The database: versions of rows. */
class Rows {
  readonly versions = new Map<string, number>()
  write(resource: string, id: number): void {
    const key = `${resource} ${id}`
    this.versions.set(key, (this.versions.get(key) ?? 0) + 1)
  }
}

/** A page: what it read of each row, and how it comes to read again. */
abstract class Page {
  readonly seen = new Map<string, number>()
  connects = 0
  protected readonly rows: Rows
  protected readonly server: Unstale
  #stream: LegacySse | LegacyWs | null = null
  #stopped = false

  constructor(rows: Rows, server: Unstale) {
    this.rows = rows
    this.server = server
  }

  protected abstract open(): LegacySse | LegacyWs
  protected abstract hear(text: string): void

  refetch(of = (_key: string): boolean => true): void {
    for (const [key, version] of this.rows.versions) if (of(key)) this.seen.set(key, version)
  }

  /** Comes back whenever its stream ends. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      const stream = (this.#stream = this.open())
      this.connects++
      try {
        for (;;) this.hear(await stream.next())
      } catch {
        stream.cut()
      }
    }
  }

  cut(): void {
    this.#stream?.cut()
  }

  stop(): void {
    this.#stopped = true
    this.cut()
  }

  behind(): string[] {
    return [...this.rows.versions].filter(([key, version]) => this.seen.get(key) !== version).map(([key]) => key)
  }
}

/** Types of events, positions kept by the browser. */
class Registry extends Page {
  #last = ''
  protected override open(): LegacySse {
    return new LegacySse(this.server, '/registry?p=1', this.#last === '' ? {} : { 'Last-Event-ID': this.#last })
  }
  protected override hear(text: string): void {
    if (text.startsWith('id: ')) this.#last = text.slice(4)
    const type = /"type":"([a-z]+)\./.exec(text)?.[1]
    if (type !== undefined) this.refetch((key) => key.startsWith(`${type}s `))
  }
}

/** Refetches everything on a connect. */
class Documents extends Page {
  protected override open(): LegacySse {
    return new LegacySse(this.server, '/documents?p=1')
  }
  protected override hear(text: string): void {
    if (text.startsWith('event: connected')) this.refetch()
    const data = /^event: entity\.[a-z]+\ndata: (.*)$/.exec(text)?.[1]
    if (data === undefined) return
    const { entity, id, ids } = JSON.parse(data) as { entity: string; id: string | null; ids?: string[] }
    for (const one of ids ?? [id]) this.refetch((key) => key === `${entity}s ${one}`)
  }
}

/** Told to refetch everything on a connect. */
class Hive extends Page {
  protected override open(): LegacyWs {
    return new LegacyWs(this.server, '/devhive?p=1')
  }
  protected override hear(text: string): void {
    const message = JSON.parse(text) as { type: string; data: { resource: string; id?: string } }
    const { resource, id } = message.data
    if (message.type === 'reconnect') this.refetch()
    else this.refetch((key) => (id === undefined ? key.startsWith(`${resource}s `) : key === `${resource}s ${id}`))
  }
}

async function converge(t: TestContext, seed: number): Promise<void> {
  const random = new Random(seed)
  const rows = new Rows()
  const scope = 'project:{query.p}'
  const server = await serve(
    t,
    config({
      rules: Object.fromEntries(RESOURCES.map((name) => [name, { scope: ['project:{project_id}'], stale: [[name, '{id}']], data: { title: 'title' } }])),
      endpoints: [
        { path: '/registry', dialect: 'registry', scope },
        { path: '/documents', dialect: 'documents', scope },
        { path: '/devhive', dialect: 'devhive', scope },
      ],
      limits: { batch: '5ms', spread: '20ms', max_entities: 12, max_keys: 8 },
    }),
  )
  const pages = [Registry, Documents, Hive].flatMap((Kind) => [new Kind(rows, server), new Kind(rows, server)])
  const running = pages.map((page) => page.run())
  cleanup(t, async () => {
    for (const page of pages) page.stop()
    await Promise.all(running)
  })
  const change = (): object => {
    const resource = RESOURCES[random.below(2)] as string
    const id = random.below(IDS)
    rows.write(resource, id)
    const row = { project_id: '1', ...(random.below(3) === 0 ? { title: `t${random.below(9)}` } : {}) }
    const action = ['created', 'updated', 'updated', 'updated', 'deleted', 'archived'][random.below(6)] as string
    // Now and then nobody knows whose row it is, or which.
    const known = random.below(25) > 0
    return { resource, action, ...(random.below(25) > 0 ? { id: String(id) } : {}), ...(known ? { old: row, new: row } : {}) }
  }
  for (let step = 0; step < 250; step++) {
    const dice = random.below(20)
    if (dice === 0) pages[random.below(pages.length)]?.cut()
    await server.publish(Array.from({ length: dice === 1 ? 40 : 1 + random.below(4) }, change))
  }
  await poll(`seed ${seed}: nobody is behind`, async () => pages.every((page) => page.behind().length === 0)).catch((error: Error) => {
    assert.fail(`${error.message}: ${pages.map((page) => `${page.constructor.name} ${page.connects}: ${page.behind().join(', ')}`).join('; ')}`)
  })
  assert.ok(pages.every((page) => page.seen.size > 0))
}

for (const seed of [1, 2, 3, 4]) test(`old clients converge, too (seed ${seed})`, (t) => converge(t, seed))
