/* Tabs of a window, of which one is in front and the others are really hidden. In Playwright's own pages every tab believes to
 * be visible and in focus; those of a browser that it is connected to without its defaults are as for everybody. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { chromium } from 'playwright-core'
import { cleanup } from '../../integration/lib/cleanup.ts'
import { directory } from '../../integration/lib/unstale.ts'
import { PATIENCE } from '../../integration/lib/wait.ts'
import type { Demo } from './demo.ts'
import { CHROMIUM, CHROMIUM_OPTIONS, Tab } from './tab.ts'

export interface RealTabs {
  /** In front. */
  open(demo: Demo, path: string): Promise<Tab>
}

export async function realTabs(t: TestContext): Promise<RealTabs> {
  const profile = directory(t)
  const child = spawn(
    CHROMIUM,
    ['--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, '--window-size=1440,900', ...CHROMIUM_OPTIONS, 'about:blank'],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const ended = once(child, 'close')
  let close = async (): Promise<unknown> => undefined
  cleanup(t, async () => {
    /* Asked to, it ends its helpers first, which else go on writing into the folder that is about to be removed. */
    const impatient = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
    await close().catch(() => child.kill('SIGKILL'))
    await ended
    clearTimeout(impatient)
  })
  const address = await new Promise<string>((resolve, reject) => {
    child.on('error', reject)
    createInterface({ input: child.stderr })
      .on('line', (line) => {
        const match = /^DevTools listening on (ws:\S+)/.exec(line)
        if (match) resolve(match[1] as string)
      })
      .on('close', () => reject(new Error(`${CHROMIUM} ended before it could be reached`)))
  })
  const browser = await chromium.connectOverCDP(address, { noDefaults: true })
  const session = await browser.newBrowserCDPSession()
  close = () => session.send('Browser.close')
  const context = browser.contexts()[0]
  if (!context) throw new Error('the browser has no window')
  context.setDefaultTimeout(PATIENCE)
  return {
    async open(demo, path) {
      const tab = await Tab.blank(t, context)
      await tab.page.bringToFront()
      await tab.goto(demo, path)
      return tab
    },
  }
}
