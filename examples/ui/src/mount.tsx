/* What the page of an example begins with. Its own styles are imported after this, so that they come last. */

import './styles/base.css'
import './styles/layout.css'
import './styles/components.css'
import './styles/activity.css'
import { StrictMode } from 'react'
import type { ComponentType } from 'react'
import { createRoot } from 'react-dom/client'
import { getConfig, session } from './lib/rest.ts'
import type { Config, User } from './lib/rest.ts'

/** Shows the application with what `load` brings, or says that the backend does not answer. */
export async function mount<Props extends object>(App: ComponentType<Props>, load: () => Promise<Props>): Promise<void> {
  const root = createRoot(document.getElementById('root')!)
  try {
    const props = await load()
    root.render(
      <StrictMode>
        <App {...props} />
      </StrictMode>,
    )
  } catch (error) {
    root.render(<p role="alert">The backend does not answer: {String(error)}</p>)
  }
}

/** Where somebody signs in. */
export async function loadSession(): Promise<{ config: Config; signedIn: User | null }> {
  const [config, signedIn] = await Promise.all([getConfig(), session.get()])
  return { config, signedIn }
}
