/* The signs of a browser that the page or the network was away. Outside of a browser there are none. */

import type { Unsubscribe } from './topic.ts'

export interface PageTargets {
  window?: EventTarget
  document?: EventTarget & { readonly visibilityState: string }
}

/** Calls `verify(true)` when what was open is probably dead (another network, a page that was frozen or comes back from the
 *  back/forward cache), `verify(false)` when its end may have gone unnoticed (a page that was hidden). In Chromium a response
 *  for which bytes arrived while the page was frozen may stay silent for good afterwards, without an error or an end. */
export function watchPage(targets: PageTargets, verify: (suspect: boolean) => void): Unsubscribe {
  const { window, document } = targets
  const stop = new AbortController()
  const listen = (target: EventTarget | undefined, name: string, listener: (event: Event) => void) => target?.addEventListener?.(name, listener, stop)
  /* Only a `pageshow` says whether the page was kept; one that was loaded anew has nothing open yet. */
  const suspect = (event: Event) => (event as Partial<PageTransitionEvent>).persisted !== false && verify(true)
  listen(window, 'online', suspect)
  listen(window, 'pageshow', suspect)
  listen(document, 'resume', suspect)
  listen(document, 'visibilitychange', () => document?.visibilityState === 'visible' && verify(false))
  return () => stop.abort()
}
