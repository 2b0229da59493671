/* CacheInvalidationService of devhive, as its document prints it, in Node: its Authorization header needs a WebSocket that sends
 * headers, which browsers do not. */

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { QueryClient, QueryObserver } from '@tanstack/react-query'
import { WebSocket } from 'ws'
import { cleanup } from '../integration/lib/cleanup.ts'
import { directory } from '../integration/lib/unstale.ts'
import { poll } from '../integration/lib/wait.ts'
import { bundle } from './lib/bundle.ts'
import { Site, token } from './lib/site.ts'

interface Service {
  queryClient: QueryClient
  cacheInvalidationService: { connect(projectId: string, accessToken: string): void; disconnect(): void }
}

test('devhive: CacheInvalidationService through changes, a reset and a restart', async (t) => {
  const site = await Site.start(t, 'tokens')
  const file = join(directory(t), 'devhive.mjs')
  process.env['REACT_APP_WS_URL'] = site.url.replace('http', 'ws')
  const sockets: WebSocket[] = []
  const Noted = class extends WebSocket {
    constructor(...args: ConstructorParameters<typeof WebSocket>) {
      super(...args)
      sockets.push(this)
    }
  }
  Object.assign(globalThis, { WebSocket: Noted })
  writeFileSync(file, await bundle('pages/devhive.ts', 'devhive', 'node'))
  const { queryClient, cacheInvalidationService } = (await import(pathToFileURL(file).href)) as Service
  // As printed, its `disconnect` closes the socket, whose `onclose` begins to reconnect: only a second one ends that.
  cleanup(t, async () => {
    cacheInvalidationService.disconnect()
    await poll('closed', async () => sockets.every((socket) => socket.readyState === WebSocket.CLOSED))
    cacheInvalidationService.disconnect()
  })
  cleanup(t, () => queryClient.clear())

  const keys = {
    projects: ['projects', 'list'],
    project: ['projects', 'detail', 'p1'],
    bundle: ['projects', 'bundle', 'p1'],
    sprints: ['sprints', 'list', 'p1'],
    sprint: ['sprints', 'detail', 's1'],
    tasks: ['tasks', 'list', 'p1'],
    task: ['tasks', 'detail', 't1'],
    board: ['tasks', 'sprint', 's1'],
    members: ['projectMembers', 'p1'],
  }
  const all = Object.values(keys)
  for (const queryKey of all) {
    const name = JSON.stringify(queryKey)
    const queryFn = (): number => {
      site.fetches.set(name, site.count(name) + 1)
      return site.count(name)
    }
    cleanup(t, new QueryObserver(queryClient, { queryKey, queryFn }).subscribe(() => undefined))
  }
  await poll('fetched', async () => all.every((key) => site.count(key) === 1))
  const row = { project_id: 'p1' }

  // Every connect says "reconnect": what changed before it was there is fetched.
  await site.refetches(all, async () => cacheInvalidationService.connect('p1', token()))
  await site.refetches([keys.task, keys.tasks, keys.board], () => site.change('tasks', 'updated', 't1', row))
  await site.refetches([keys.tasks, keys.board], () => site.change('tasks', 'created', 't2', row))
  await site.refetches([keys.sprint, keys.sprints, keys.bundle], () => site.change('sprints', 'deleted', 's1', row))
  await site.refetches([keys.project, keys.projects], () => site.change('project', 'updated', 'p1', row))
  await site.refetches([keys.members, keys.bundle, keys.projects], () => site.change('project_members', 'created', 'm1', row))
  await site.refetches([], () => site.change('tasks', 'updated', 't1', { project_id: 'p2' }))
  await site.refetches(all, () => site.unstale!.publish({ scope: 'project:p1', keys: [[]] }))
  await site.refetches(all, () => site.restart())
  await site.refetches([keys.task, keys.tasks, keys.board], () => site.change('tasks', 'updated', 't1', row))
  assert.equal(site.count(keys.members), 5)
})
