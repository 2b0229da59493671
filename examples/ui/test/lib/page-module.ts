/* A module of an example's page, as Vite makes it, in this process. */

import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { createServer, defaultServerConditions } from 'vite'

/** `example`: its folder; `path`: below ui, as in "/src/app/App.tsx". */
export async function pageModule<Module>(t: TestContext, example: string, path: string): Promise<Module> {
  const server = await createServer({
    root: join(example, 'ui'),
    /* Nobody's ui/.env. */
    envDir: false,
    server: { middlewareMode: true, ws: false },
    ssr: { resolve: { conditions: ['unstale-source', ...defaultServerConditions] } },
    appType: 'custom',
    logLevel: 'error',
  })
  t.after(() => server.close())
  return (await server.ssrLoadModule(path)) as Module
}
