/* Navigation at the left, a page, and the panel "What just happened" at the right. */

import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'
import { Toaster } from 'sonner'
import { Link, matchPath, usePath } from '../lib/router.tsx'
import type { Config } from '../lib/rest.ts'
import { ActivityPanel } from './ActivityPanel.tsx'
import { ConnectionStatus, LiveSign } from './ConnectionStatus.tsx'
import { Icon } from './Icon.tsx'
import type { IconName } from './Icon.tsx'
import { Empty } from './bits.tsx'
import { ThemeSwitch } from './ThemeSwitch.tsx'

export interface Place {
  href: string
  icon: IconName
  text: string
}

export interface Route {
  pattern: string
  page: (id: string) => ReactNode
}

export interface ShellProps {
  name: string
  config: Config
  places: readonly Place[]
  routes: readonly Route[]
  /** SQL to try out; it should do something each time. */
  statement: string
  /** At the foot of the navigation, for instance who is signed in. */
  foot?: ReactNode
  /** What says that the connection is away; by default "Reconnecting...". */
  status?: ReactNode
}

export function Shell({ name, config, places, routes, statement, foot, status = <ConnectionStatus /> }: ShellProps) {
  const [panel, setPanel] = useState(() => window.matchMedia('(min-width: 70rem)').matches)
  const path = usePath()
  const main = useRef<HTMLElement>(null)
  const shown = useRef(path)

  useEffect(() => {
    if (shown.current !== path) main.current?.focus()
    shown.current = path
  }, [path])

  return (
    <div className={`shell ${panel ? 'with-panel' : ''}`}>
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <nav className="navigation" aria-label="Main">
        <Link href="/" className="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          <span>{name}</span>
        </Link>
        <ul>
          {places.map(({ href, icon, text }) => {
            const here = href === '/' ? path === '/' : path.startsWith(href)
            return (
              <li key={href}>
                <Link href={href} aria-current={here ? 'page' : undefined}>
                  <Icon name={icon} />
                  <span>{text}</span>
                </Link>
              </li>
            )
          })}
        </ul>
        <div className="navigation-foot">
          {foot}
          <button
            type="button"
            className="panel-switch"
            aria-pressed={panel}
            aria-label="What just happened"
            title="What just happened"
            onClick={() => setPanel(!panel)}
          >
            <Icon name="pulse" />
            <LiveSign />
          </button>
          <ThemeSwitch />
        </div>
      </nav>
      <main id="main" ref={main} tabIndex={-1}>
        <Page path={path} routes={routes} />
      </main>
      {panel && <ActivityPanel database={config.database} statement={statement} onClose={() => setPanel(false)} />}
      {status}
      <Toaster position="bottom-center" toastOptions={{ className: 'toast' }} />
    </div>
  )
}

function Page({ path, routes }: { path: string; routes: readonly Route[] }) {
  for (const { pattern, page } of routes) {
    const id = matchPath(pattern, path)
    if (id !== null) return page(id)
  }
  return (
    <Empty icon="search" title="There is no such page">
      <Link href="/">To the dashboard</Link>
    </Empty>
  )
}
