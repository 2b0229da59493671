/* The signs of a browser that the page or the network was away. Outside of a browser there are none. */

import type { Unsubscribe } from './topic.ts'

export interface PageTargets {
  window?: EventTarget
  document?: EventTarget & { readonly visibilityState: string }
}

/** Where the signs come from by default; looked up when used, so that importing has no effect. */
export function pageTargets(): PageTargets {
  return globalThis as { window?: EventTarget }
}

/** Calls `verify(true)` when what was open is probably dead (another network, a page that was frozen or comes back from the
 *  back/forward cache), `verify(false)` when its end may have gone unnoticed (a page that was hidden). In Chromium a response
 *  for which bytes arrived while the page was frozen may stay silent for good afterwards, without an error or an end. */
export function watchPage(targets: PageTargets, verify: (suspect: boolean) => void): Unsubscribe {
  const { window, document } = targets
  const stop = new AbortController()
  const listen = (target: EventTarget | undefined, name: string, listener: (event: Event) => void) => target?.addEventListener?.(name, listener, stop)
  listen(window, 'online', () => verify(true))
  listen(window, 'pageshow', (event) => (event as PageTransitionEvent).persisted && verify(true))
  listen(document, 'resume', () => verify(true))
  listen(document, 'visibilitychange', () => document?.visibilityState === 'visible' && verify(false))
  return () => stop.abort()
}
