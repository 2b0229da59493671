/* The short check of a demo, run by scripts/demo: a row changed by the sqlite3 shell is pushed, and exactly the query
 * that shows it is fetched again.
 *
 *   node scripts/lib/demo-check.ts DEMO.json UNSTALE-URL BACKEND-URL DATABASE
 *
 * It stands where a page would stand: a query client with two active queries, kept fresh by the SDK. The backend's own
 * counts say what was fetched, so that nothing here has to be believed.
 */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { QueryClient, QueryObserver } from '@tanstack/query-core'
import { createClient } from '@unstale/client'
import { connectQueryClient } from '@unstale/query'

interface DemoQuery {
  key: readonly unknown[]
  path: string
}

/** examples/NAME/demo.json */
interface Demo {
  /** SQLite, when nothing is said. */
  database?: 'postgres'
  transport?: 'sse' | 'websocket'
  scopes: string[]
  /** Who signs in, where that is needed. */
  user?: string
  /** Shows the change; and does not. */
  touched: DemoQuery
  untouched: DemoQuery
  /** One SQL statement, and words that the touched query's answer has after it and not before. */
  change: string
  shows: string
}

const PATIENCE = 15_000

const [demoFile, unstaleUrl, backendUrl, database] = process.argv.slice(2)
assert.ok(demoFile && unstaleUrl && backendUrl && database, 'four arguments are needed')
const demo = JSON.parse(await readFile(demoFile, 'utf8')) as Demo

/** Until `condition` holds, looked at whenever `poke` is called. */
function becomes(what: string, condition: () => boolean, watch: (poke: () => void) => () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    let stop = () => {}
    const timer = setTimeout(() => {
      stop()
      reject(new Error(`for ${PATIENCE / 1000} s: not ${what}`))
    }, PATIENCE)
    const poke = () => {
      if (!condition()) return
      clearTimeout(timer)
      stop()
      resolve()
    }
    stop = watch(poke)
    poke()
  })
}

let token: string | null = null

async function ask(path: string, init: RequestInit = {}): Promise<unknown> {
  const headers = { ...init.headers, ...(token !== null && { authorization: `Bearer ${token}` }) }
  const response = await fetch(backendUrl + path, { ...init, headers, signal: AbortSignal.timeout(PATIENCE) })
  assert.ok(response.ok, `${init.method ?? 'GET'} ${path}: ${response.status}`)
  const text = await response.text()
  return text === '' ? null : JSON.parse(text)
}

if (demo.user !== undefined) {
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ user: demo.user }) }
  const user = (await ask('/api/session', init)) as { token: string }
  token = user.token
}

const queryClient = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } })
const client = createClient({
  url: unstaleUrl,
  scopes: demo.scopes,
  ...(demo.transport && { transport: demo.transport }),
  ...(token !== null && { getToken: () => token }),
  onWarning: (warning) => console.log(`the SDK warns: ${warning.message}`),
})
const pushed: string[] = []
const stopSync = connectQueryClient(queryClient, client)
const observers: QueryObserver[] = []
const unobserve: (() => void)[] = []

try {
  queryClient.mount()
  client.onStale(({ scope, keys }) => pushed.push(`${scope} ${JSON.stringify(keys)}`))
  client.connect()
  let ready = false
  await becomes('connected', () => ready, (poke) =>
    client.onReady(() => {
      ready = true
      // What `ready` itself makes stale is found before anything is fetched.
      setImmediate(poke)
    }),
  )
  console.log(`connected to ${unstaleUrl}, told: ${JSON.stringify(client.getState().scopes)}`)

  for (const { key, path } of [demo.touched, demo.untouched]) {
    const observer = new QueryObserver(queryClient, { queryKey: key, queryFn: () => ask(path) })
    observers.push(observer)
    unobserve.push(observer.subscribe(() => {}))
    await becomes(`an answer for ${path}`, () => observer.getCurrentResult().isSuccess, (poke) => observer.subscribe(poke))
  }
  const [touched] = observers
  assert.ok(touched)
  const shown = () => JSON.stringify(touched.getCurrentResult().data)
  assert.ok(!shown().includes(demo.shows), `${demo.touched.path} shows "${demo.shows}" before the change`)
  await ask('/api/_counts', { method: 'DELETE' })

  const began = performance.now()
  const [shell, ...args] = demo.database === 'postgres' ? ['psql', '-qc', demo.change, database] : ['sqlite3', '-cmd', '.timeout 5000', database, demo.change]
  console.log(`${shell}: ${demo.change}`)
  await promisify(execFile)(shell as string, args)
  await becomes(`"${demo.shows}" in the answer for ${demo.touched.path}`, () => shown().includes(demo.shows), (poke) => touched.subscribe(poke))
  const took = Math.round(performance.now() - began)

  assert.ok(pushed.length > 0, 'the answer changed, but nothing was pushed')
  for (const each of pushed) console.log(`pushed: ${each}`)
  const counts = (await ask('/api/_counts')) as Record<string, number>
  console.log(`fetched from the backend: ${JSON.stringify(counts)}`)
  assert.equal(counts[`GET ${demo.touched.path}`], 1, 'the query that shows the row was fetched again, once')
  assert.equal(counts[`GET ${demo.untouched.path}`], undefined, 'the query that does not show the row was left alone')
  console.log(`${took} ms from ${shell} to the new answer`)
} catch (error) {
  console.log(`failed: ${error instanceof Error ? error.message : String(error)}`)
  const causes = [client.getState().failure, ...observers.map((observer) => observer.getCurrentResult().error)]
  for (const cause of causes) if (cause !== null) console.log(`       ${cause.message}`)
  process.exitCode = 1
} finally {
  for (const stop of unobserve) stop()
  stopSync()
  client.disconnect()
  queryClient.unmount()
  queryClient.clear()
}
