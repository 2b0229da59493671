/* A tab with one of the pages in it; what is on it is asked of its `app`. */

import type { TestContext } from 'node:test'
import type { BrowserContext, Page } from 'playwright-core'
import { poll } from '../../integration/lib/wait.ts'
import type { PageConfig, Shown } from '../pages/config.ts'
import type { Site } from './site.ts'

export class App {
  readonly page: Page
  private constructor(page: Page) {
    this.page = page
  }

  static async open(_t: TestContext, context: BrowserContext, site: Site, config: PageConfig = {}, script = 'main'): Promise<App> {
    const app = new App(await context.newPage())
    await app.goto(site, config, script)
    return app
  }

  async goto(site: Site, config: PageConfig = {}, script = 'main'): Promise<void> {
    await this.page.goto(`${site.url}/?page=${script}#${encodeURIComponent(JSON.stringify(config))}`)
    await this.page.waitForFunction('window.app !== undefined')
  }

  /** Of an expression in the page. */
  ask<T>(expression: string): Promise<T> {
    return this.page.evaluate(expression) as Promise<T>
  }

  shows(name: string): Promise<unknown> {
    return this.ask(`window.app.value(${JSON.stringify(name)})`)
  }

  history(name: string): Promise<Shown[]> {
    return this.ask(`window.app.history(${JSON.stringify(name)})`)
  }

  async becomes(name: string, value: unknown): Promise<void> {
    const wanted = JSON.stringify(value)
    let last: unknown
    await poll(`${name} is ${wanted}`, async () => JSON.stringify((last = await this.shows(name))) === wanted).catch(async (error) => {
      throw new Error(`${error.message}; it is ${JSON.stringify(last)}, state ${JSON.stringify(await this.ask('window.app.client.getState()'))}`)
    })
  }

  async status(wanted: string): Promise<void> {
    await poll(`the status ${wanted}`, async () => (await this.ask('window.app.client.getState().status')) === wanted)
  }

  async connected(): Promise<void> {
    await this.status('connected')
  }
}
