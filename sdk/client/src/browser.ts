/* The signs of a browser that the page or the network was away. Outside of a browser there are none. */

import type { Unsubscribe } from './topic.ts'

export interface PageTargets {
  window?: EventTarget
  document?: EventTarget & { readonly visibilityState: string }
}

/** Where the signs come from by default; looked up when used, so that importing has no effect. */
export function pageTargets(): PageTargets {
  const scope = globalThis as Partial<PageTargets> & Partial<EventTarget>
  const targets: PageTargets = {}
  if (typeof scope.addEventListener === 'function') targets.window = globalThis as unknown as EventTarget
  if (scope.document) targets.document = scope.document
  return targets
}

/** Calls `verify(true)` when what was open is probably dead (another network, a page that was frozen or comes back from the
 *  back/forward cache), `verify(false)` when its end may have gone unnoticed (a page that was hidden). In Chromium a response
 *  for which bytes arrived while the page was frozen may stay silent for good afterwards, without an error or an end. */
export function watchPage(targets: PageTargets, verify: (suspect: boolean) => void): Unsubscribe {
  const { window, document } = targets
  const onOnline = () => verify(true)
  const onPageShow = (event: Event) => {
    if ((event as Event & { persisted?: boolean }).persisted) verify(true)
  }
  const onResume = () => verify(true)
  const onVisible = () => {
    if (document?.visibilityState === 'visible') verify(false)
  }
  window?.addEventListener('online', onOnline)
  window?.addEventListener('pageshow', onPageShow)
  document?.addEventListener('visibilitychange', onVisible)
  document?.addEventListener('resume', onResume)
  return () => {
    window?.removeEventListener('online', onOnline)
    window?.removeEventListener('pageshow', onPageShow)
    document?.removeEventListener('visibilitychange', onVisible)
    document?.removeEventListener('resume', onResume)
  }
}
