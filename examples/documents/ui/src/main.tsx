import { loadSession, mount } from '@unstale-examples/ui/mount.tsx'
import './styles/pages.css'
import { App } from './app/App.tsx'

await mount(App, loadSession)
