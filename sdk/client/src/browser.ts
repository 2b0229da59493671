/* The signs of a browser that the page or the network was away. Outside of a browser there are none. */

import type { Unsubscribe } from './topic.ts'

export interface PageTargets {
  window?: EventTarget
  document?: EventTarget & { readonly visibilityState: string }
}

/** Where the signs come from by default; looked up when used, so that importing has no effect. */
export function pageTargets(): PageTargets {
  const { addEventListener, document } = globalThis as Partial<typeof globalThis>
  return { ...(addEventListener && { window: globalThis as unknown as EventTarget }), ...(document && { document }) }
}

/** Calls `verify(true)` when what was open is probably dead (another network, a page that was frozen or comes back from the
 *  back/forward cache), `verify(false)` when its end may have gone unnoticed (a page that was hidden). In Chromium a response
 *  for which bytes arrived while the page was frozen may stay silent for good afterwards, without an error or an end. */
export function watchPage(targets: PageTargets, verify: (suspect: boolean) => void): Unsubscribe {
  const { window, document } = targets
  const listened: [EventTarget | undefined, string, (event: Event) => void][] = [
    [window, 'online', () => verify(true)],
    [window, 'pageshow', (event) => (event as PageTransitionEvent).persisted && verify(true)],
    [document, 'resume', () => verify(true)],
    [document, 'visibilitychange', () => document?.visibilityState === 'visible' && verify(false)],
  ]
  for (const [target, name, listener] of listened) target?.addEventListener(name, listener)
  return () => {
    for (const [target, name, listener] of listened) target?.removeEventListener(name, listener)
  }
}
