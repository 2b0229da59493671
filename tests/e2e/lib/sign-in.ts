/* Pages where somebody has to sign in first. */

import type { TestContext } from 'node:test'
import type { BrowserContext } from 'playwright-core'
import type { Demo } from './demo.ts'
import { profile, Tab } from './tab.ts'

/** Somebody at the sign-in page, who then signs in. */
export async function arrive(t: TestContext, demo: Demo, name: string, path = '/', context?: BrowserContext): Promise<Tab> {
  const tab = await Tab.blank(t, context ?? (await profile(t)))
  /* Nobody is signed in yet, which the page asks. */
  tab.announce(/\/api\/session$/)
  await tab.page.goto(demo.url + path)
  await tab.page.getByRole('button', { name }).click()
  await tab.page.getByText('Sign out').waitFor()
  return tab
}

/** … and is told of changes. */
export async function signIn(t: TestContext, demo: Demo, name: string, path = '/', context?: BrowserContext): Promise<Tab> {
  const tab = await arrive(t, demo, name, path, context)
  await tab.ready()
  return tab
}
