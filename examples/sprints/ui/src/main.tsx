import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { getConfig, session } from '@unstale-examples/ui/lib/rest.ts'
import '@unstale-examples/ui/styles/base.css'
import '@unstale-examples/ui/styles/layout.css'
import '@unstale-examples/ui/styles/components.css'
import '@unstale-examples/ui/styles/activity.css'
import './styles/pages.css'
import { App } from './app/App.tsx'

const root = createRoot(document.getElementById('root')!)

try {
  const [config, user] = await Promise.all([getConfig(), session.get()])
  root.render(
    <StrictMode>
      <App config={config} signedIn={user} />
    </StrictMode>,
  )
} catch (error) {
  root.render(<p role="alert">The backend does not answer: {String(error)}</p>)
}
