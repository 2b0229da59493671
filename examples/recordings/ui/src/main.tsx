import { mount } from '@unstale-examples/ui/mount.tsx'
import './styles/pages.css'
import { App } from './app/App.tsx'
import { api } from './lib/api.ts'

await mount(App, async () => ({ config: await api.config() }))
