/* A tab with the page in it, as somebody sees it: rows, toasts, the panel "What just happened". Whatever goes wrong in its
 * console that the test did not announce fails the test. */

import assert from 'node:assert/strict'
import { after, type TestContext } from 'node:test'
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core'
import { cleanup } from '../../integration/lib/cleanup.ts'
import { PATIENCE, poll } from '../../integration/lib/wait.ts'
import type { Demo } from './demo.ts'

export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
export const CHROMIUM_OPTIONS = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
]

let launched: Promise<Browser> | null = null
after(async () => (await launched)?.close())

/** One of its own for each test, so that nothing stored by another test is in it; tabs of one test share it. */
export async function profile(t: TestContext, options: { colorScheme?: 'light' | 'dark' } = {}): Promise<BrowserContext> {
  launched ??= chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_OPTIONS })
  const context = await (await launched).newContext({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', ...options })
  context.setDefaultTimeout(PATIENCE)
  cleanup(t, () => context.close())
  return context
}

export interface Row {
  id: string
  title: string
  status: string
}

/** An entry of the panel. */
export interface Happening {
  title: string
  /** As the panel writes them, for instance ["recordings", "list"]. */
  keys: string[]
  refetches: { key: string; state: string }[]
  foot: string
}

/** The address of a page of recordings that listens to unstale's own stream, and not to the WebSocket of its document. */
export const native = (path: string): string => `${path}?transport=native`

/** Where what is tested holds for both. */
export const STREAMS: readonly [name: string, at: (path: string) => string][] = [
  ["on unstale's own stream", native],
  ["on the document's WebSocket", (path) => path],
]

/** What a console says when one of the two cannot be reached. */
export const broken = (demo: Demo): RegExp => new RegExp(`^${demo.gate.url}|/api/ws/sync`)

export const key = (...parts: unknown[]): string => JSON.stringify(parts).replaceAll(',', ', ')

export class Tab {
  readonly page: Page
  readonly #problems: { text: string; url: string }[] = []
  readonly #announced: RegExp[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.#problems.push({ text: error.stack ?? error.message, url: '' }))
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning')
        this.#problems.push({ text: message.text(), url: message.location().url })
    })
  }

  /** Blank. */
  static async blank(t: TestContext, context: BrowserContext, page?: Page): Promise<Tab> {
    const tab = new Tab(page ?? (await context.newPage()))
    cleanup(t, async () => {
      if (!(t as { passed?: boolean }).passed) t.diagnostic(await tab.#described())
      tab.sane()
    })
    return tab
  }

  /** What was there when a test failed. */
  async #described(): Promise<string> {
    const text = await this.page
      .locator('body')
      .innerText({ timeout: 1000 })
      .catch((error) => String(error))
    return `${this.page.url()}, console: ${JSON.stringify(this.#problems.slice(-5))}, shows: ${text.replaceAll(/\s*\n\s*/g, ' · ')}`
  }

  /** Loaded, connected, and everything fetched. */
  static async open(t: TestContext, context: BrowserContext, demo: Demo, path: string): Promise<Tab> {
    const tab = await Tab.blank(t, context)
    await tab.goto(demo, path)
    return tab
  }

  async goto(demo: Demo, path: string): Promise<void> {
    await this.page.goto(demo.url + path)
    await this.ready()
  }

  async ready(): Promise<void> {
    await this.panel.getByText('Live', { exact: true }).waitFor()
    await this.panel.locator('.happening-fresh').first().waitFor()
    await this.quiet()
  }

  /** A console error whose text or address matches is none. */
  announce(pattern: RegExp): void {
    this.#announced.push(pattern)
  }

  sane(): void {
    const unexpected = this.#problems.filter(({ text, url }) => !this.#announced.some((one) => one.test(text) || one.test(url)))
    assert.deepEqual(unexpected, [], 'errors in the console')
  }

  // ---- what is seen ----

  /** Recordings in the list. */
  rows(): Promise<Row[]> {
    return this.page.locator('table.rows tbody tr').evaluateAll((all) =>
      all.map((tr) => ({
        id: tr.getAttribute('data-id') ?? '',
        title: tr.querySelector('.titled a, .titled span span')?.textContent ?? '',
        status: tr.querySelector('.chip')?.textContent ?? '',
      })),
    )
  }

  row(id: string): Locator {
    return this.page.locator(`[data-id="${id}"]`)
  }

  toast(text: string): Locator {
    return this.page.locator('[data-sonner-toast]', { hasText: text })
  }

  get dialog(): Locator {
    return this.page.getByRole('dialog')
  }

  get reconnecting(): Locator {
    return this.page.getByText('Reconnecting...', { exact: true })
  }

  get panel(): Locator {
    return this.page.getByRole('complementary', { name: 'What just happened' })
  }

  /** Newest first. */
  happenings(): Promise<Happening[]> {
    return this.panel.locator('li.happening').evaluateAll((all) =>
      all.map((li) => {
        const text = (from: Element, selector: string) => from.querySelector(selector)?.textContent ?? ''
        return {
          title: text(li, 'strong'),
          keys: [...li.querySelectorAll('.keys code')].map((code) => code.textContent ?? ''),
          refetches: [...li.querySelectorAll('.refetch')].map((one) => ({ key: text(one, 'code'), state: text(one, '.sr-only') })),
          foot: text(li, '.happening-foot'),
        }
      }),
    )
  }

  /** The number that the panel gives as "pushes" or "refetches". */
  async counted(what: 'pushes' | 'refetches'): Promise<number> {
    const text = await this.panel.locator('.activity-summary div', { hasText: new RegExp(`^${what}`) }).locator('dd').textContent()
    return Number(text)
  }

  // ---- waiting ----

  /** Until what `look` gives equals `expected`; says what it was instead. */
  async becomes<T>(what: string, look: () => Promise<T>, expected: T | (() => Promise<T>), patience = PATIENCE): Promise<void> {
    let seen: unknown
    let wanted: unknown
    const equal = async () => {
      wanted = typeof expected === 'function' ? await (expected as () => Promise<T>)() : expected
      seen = await look()
      try {
        assert.deepEqual(seen, wanted)
        return true
      } catch {
        return false
      }
    }
    try {
      await poll(what, equal, patience)
    } catch {
      assert.deepEqual(seen, wanted, what)
    }
  }

  /** Nothing is being loaded, and no refetch is due or on its way. */
  async quiet(): Promise<void> {
    await poll(
      'a page that is at rest',
      async () =>
        (await this.page.locator('[aria-label="Loading"], [aria-busy="true"]').count()) === 0 &&
        (await this.panel.locator('.refetch-waiting, .refetch-fetching').count()) === 0,
    )
  }
}

const HISTORY = key('search', 'history')

/** Until everything that was committed so far has been worked off in these tabs: each has got the push of one more change,
 *  in a table that none of them shows, and is at rest. */
export async function workedOff(demo: Demo, ...tabs: Tab[]): Promise<void> {
  const pushes = (happenings: Happening[]) => happenings.filter((one) => one.keys.includes(HISTORY)).length
  const before = await Promise.all(tabs.map(async (tab) => pushes(await tab.happenings())))
  await demo.sql("INSERT INTO search_history (id, query) VALUES ('s' || hex(randomblob(8)), 'worked off?')")
  for (const [index, tab] of tabs.entries()) {
    await poll('the push of the last change', async () => pushes(await tab.happenings()) > (before[index] ?? 0))
    await tab.quiet()
  }
}
