import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { App } from './app/App.tsx'
import { api } from './lib/api.ts'
import '@unstale-examples/ui/styles/base.css'
import '@unstale-examples/ui/styles/layout.css'
import '@unstale-examples/ui/styles/components.css'
import './styles/pages.css'
import '@unstale-examples/ui/styles/activity.css'

const root = createRoot(document.getElementById('root')!)

try {
  const config = await api.config()
  root.render(
    <StrictMode>
      <App config={config} />
    </StrictMode>,
  )
} catch (error) {
  root.render(<p role="alert">The backend does not answer: {String(error)}</p>)
}
