/* Says that the page is not live, to those who see it and to those who hear it; and nothing for as long as it may be a mere
 * hiccup. The live region is there from the beginning, empty: one that appears together with its text is not read out. */

import { createElement, useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { useConnectionState } from './hooks.ts'
import { useUnstale } from './provider.ts'

export interface IndicatorTexts {
  /** Connected, but the server is not up to date itself. */
  behind: string
  reconnecting: string
  error: string
  retry: string
}

export interface ConnectionIndicatorProps {
  texts?: Partial<IndicatorTexts>
  /** ms; default 3000. */
  after?: number
  className?: string
}

const TEXTS: IndicatorTexts = {
  behind: 'Updates are delayed',
  reconnecting: 'Reconnecting…',
  error: 'Not connected',
  retry: 'Try again',
}

export function ConnectionIndicator({ texts, after = 3000, className }: ConnectionIndicatorProps): ReactNode {
  const client = useUnstale()
  const { live, status, retryAt } = useConnectionState()
  /* Signed out, or not connected on purpose. */
  const meant = status === 'disconnected' && retryAt === null
  const trouble = !live && !meant
  const [shown, show] = useState(false)
  useEffect(() => {
    if (!trouble) {
      show(false)
      return
    }
    const timer = setTimeout(() => show(true), after)
    return () => clearTimeout(timer)
  }, [trouble, after])
  const say = { ...TEXTS, ...texts }
  const text = status === 'error' ? say.error : status === 'connected' ? say.behind : say.reconnecting
  const visible = shown && trouble
  return createElement(
    'div',
    { role: 'status', 'aria-live': 'polite', className, 'data-unstale': visible ? status : 'live' },
    visible && createElement('span', null, text),
    visible && status !== 'connected' && createElement('button', { type: 'button', onClick: () => client.reconnect() }, say.retry),
  )
}
