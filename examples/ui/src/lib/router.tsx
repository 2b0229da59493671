/* As much router as the examples need: the path in the address bar, links that do not reload, and the focus moved to the new
 * page for those who cannot see that it changed. */

import { useEffect, useSyncExternalStore } from 'react'
import type { AnchorHTMLAttributes, MouseEvent } from 'react'

const MOVED = 'unstale-example:moved'

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  window.dispatchEvent(new Event(MOVED))
  window.scrollTo(0, 0)
}

function watchLocation(listener: () => void): () => void {
  window.addEventListener('popstate', listener)
  window.addEventListener(MOVED, listener)
  return () => {
    window.removeEventListener('popstate', listener)
    window.removeEventListener(MOVED, listener)
  }
}

export function usePath(): string {
  return useSyncExternalStore(watchLocation, () => window.location.pathname)
}

/** "/recordings/:id" against a path: the id, '' when the pattern has none, or null. */
export function matchPath(pattern: string, path: string): string | null {
  const expected = pattern.split('/')
  const actual = path.replace(/(.)\/+$/, '$1').split('/')
  if (expected.length !== actual.length) return null
  let id = ''
  for (const [index, segment] of expected.entries()) {
    const given = actual[index] ?? ''
    if (segment === ':id') {
      try {
        id = decodeURIComponent(given)
      } catch {
        return null
      }
      if (id === '') return null
    } else if (segment !== given) {
      return null
    }
  }
  return id
}

export function Link({ href, onClick, ...rest }: AnchorHTMLAttributes<HTMLAnchorElement> & { href: string }) {
  function follow(event: MouseEvent<HTMLAnchorElement>) {
    onClick?.(event)
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(href)
  }
  return <a href={href} onClick={follow} {...rest} />
}

/** The application's name is what index.html calls it. */
const APPLICATION = globalThis.document?.title ?? ''

export function usePageTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · ${APPLICATION}`
  }, [title])
}
