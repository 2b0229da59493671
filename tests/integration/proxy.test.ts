/* Behind nginx as docs/proxy.md sets it up: HTTP/2 to the browser, nothing is held back, quiet streams stay, WebSocket
 * passes, and only a trusted proxy is believed for whom it asks. */

import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect, createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { cleanup } from './lib/cleanup.ts'
import { RudeSocket } from './lib/rude.ts'
import { Stream } from './lib/sse.ts'
import { type Config, config, directory, serve, type Unstale } from './lib/unstale.ts'
import { poll, sleep, Watched } from './lib/wait.ts'

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

interface Front {
  server: Unstale
  secure: number
  plain: number
}

/** The block of the recipe, with the addresses of this test in it. */
function recipe(upstream: number): string {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'proxy.md'), 'utf8')
  const block = /```nginx\n([\s\S]*?)```/.exec(page)?.[1]
  assert.ok(block)
  assert.equal(block.split('127.0.0.1:8080').length, 2)
  return block.replace('127.0.0.1:8080', `127.0.0.1:${upstream}`)
}

async function front(t: TestContext, settings: Config, more = ''): Promise<Front> {
  const server = await serve(t, settings)
  const dir = directory(t)
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', join(dir, 'key'), '-out', join(dir, 'cert')], { stdio: 'ignore' })
  const [secure, plain] = [await freePort(), await freePort()]
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${dir}/${name};`).join('\n')
  writeFileSync(
    join(dir, 'nginx.conf'),
    `daemon off; master_process off; pid ${dir}/pid; error_log ${dir}/error.log;
events { worker_connections 1024; }
http {
access_log off;
${temporary}
${more}
server {
listen 127.0.0.1:${secure} ssl http2;
listen 127.0.0.1:${plain};
server_name localhost;
ssl_certificate ${dir}/cert;
ssl_certificate_key ${dir}/key;
http2_max_concurrent_streams 256;
${recipe(server.at.port)}
}
}
`,
  )
  const child = spawn('nginx', ['-p', dir, '-c', join(dir, 'nginx.conf'), '-e', join(dir, 'error.log')], { stdio: 'ignore' })
  let failed: Error | null = null
  child.on('error', (error) => (failed = error))
  const gone = new Promise((resolve) => child.on('close', resolve))
  cleanup(t, async () => {
    child.kill('SIGTERM')
    await gone
  })
  await poll('nginx', () => {
    if (failed) throw failed
    return new Promise<boolean>((resolve) => {
      const socket = connect(plain, '127.0.0.1', () => {
        socket.destroy()
        resolve(true)
      })
      socket.on('error', () => resolve(false))
    })
  })
  return { server, secure, plain }
}

/** One stream in an HTTP/2 connection. */
class Http2Stream extends Watched {
  status = 0
  text = ''
  ended = false

  constructor(session: ClientHttp2Session, path: string, origin: string) {
    super()
    const request = session.request({ ':path': path, accept: 'text/event-stream', origin })
    request.setEncoding('utf8')
    request.on('response', (headers) => {
      this.status = headers[':status'] as number
      this.changed()
    })
    request.on('data', (text: string) => {
      this.text += text
      this.changed()
    })
    request.on('error', () => {})
    request.on('close', () => {
      this.ended = true
      this.changed()
    })
  }

  protected override described(): string {
    return `${this.status}, ended ${this.ended}: ${this.text.slice(-500)}`
  }

  has(text: string): Promise<boolean> {
    return this.until(text, () => this.text.includes(text))
  }
}

test('HTTP/2: many streams in one connection, each told at once', async (t) => {
  const { server, secure } = await front(t, config())
  const session = connectHttp2(`https://localhost:${secure}`, { rejectUnauthorized: false, lookup: (_name, _options, done) => done(null, [{ address: '127.0.0.1', family: 4 }] as never, 4) })
  cleanup(t, () => session.destroy())
  const streams = Array.from({ length: 40 }, (_, i) => new Http2Stream(session, `/v1/stream?scope=all&scope=s:${i}`, `https://localhost:${secure}`))
  for (const stream of streams) {
    await stream.has('event: ready')
    assert.equal(stream.status, 200)
  }
  for (let round = 0; round < 5; round++) {
    await server.mark('all', ['round', round])
    for (const stream of streams) await stream.has(`["round",${round}]`)
  }
  await server.mark('s:7', ['alone'])
  await streams[7]?.has('["alone"]')
  for (const [i, stream] of streams.entries()) if (i !== 7) assert.doesNotMatch(stream.text, /alone/)
})

test('a quiet stream outlives the time-outs of the proxy: heartbeats are traffic', async (t) => {
  const { server, plain } = await front(t, config({ limits: { heartbeat: '300ms', stalled: '2s' } }), 'proxy_read_timeout 1s; proxy_send_timeout 1s;')
  const stream = new Stream({ host: '127.0.0.1', port: plain }, { scopes: ['a'] })
  cleanup(t, () => stream.cut())
  const socket = new RudeSocket({ host: '127.0.0.1', port: plain }, 'scope=a', true)
  cleanup(t, () => socket.cut())
  // Chunks of HTTP/1.1 stand between its lines, so it is only looked at from outside.
  await socket.ready()
  await sleep(4000)
  assert.equal(socket.endedAt, 0)
  assert.equal(await server.metric('unstale_subscribers'), 2)
  await server.mark('a', ['after'])
  await socket.until('told', () => socket.messages.some(({ type, keys }) => type === 'stale' && JSON.stringify(keys) === '[["after"]]'))
})

test('WebSocket passes, both ways, and a stop reaches the client as 1012', async (t) => {
  const { server, plain } = await front(t, config())
  const socket = new WebSocket(`ws://127.0.0.1:${plain}/v1/ws`)
  const messages: { type: string; keys?: unknown }[] = []
  socket.onmessage = ({ data }) => messages.push(JSON.parse(data as string) as { type: string })
  const closed = new Promise<number>((resolve) => {
    socket.onclose = ({ code }) => resolve(code)
  })
  await poll('open', () => socket.readyState === WebSocket.OPEN)
  socket.send(JSON.stringify({ type: 'subscribe', scopes: ['a'] }))
  await poll('ready', () => messages.some(({ type }) => type === 'ready'))
  await server.mark('a', ['x'])
  await poll('told', () => messages.some(({ type, keys }) => type === 'stale' && JSON.stringify(keys) === '[["x"]]'))
  await server.stop()
  assert.equal(await closed, 1012)
})

async function peers(server: Unstale): Promise<string[]> {
  const { body } = await server.admin('/debug/connections')
  return (JSON.parse(body) as { connections: { peer: string }[] }).connections.map(({ peer }) => peer).sort()
}

for (const trusted of [true, false])
  test(`X-Forwarded-For is ${trusted ? 'believed, when the proxy is trusted' : 'nothing, when nobody is trusted'}`, async (t) => {
    const { server, plain } = await front(t, { ...config(), ...(trusted ? { trusted_proxies: ['127.0.0.1/32'] } : {}), log: { level: 'debug' } })
    // From an address that is no proxy's, with a header of its own that nobody may believe.
    const socket = connect({ host: '127.0.0.1', port: plain, localAddress: '127.0.0.77' })
    cleanup(t, () => void socket.destroy())
    socket.on('error', () => {})
    socket.resume()
    socket.write('GET /v1/stream?scope=a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n')
    await poll('it is there', async () => (await peers(server)).length === 1)
    assert.deepEqual(await peers(server), [trusted ? '127.0.0.77' : '127.0.0.1'])
    await server.line(trusted ? /opens \(127\.0\.0\.77 by way of 127\.0\.0\.1\)/ : /opens \(127\.0\.0\.1\)/)
    assert.doesNotMatch(server.log, /203\.0\.113\.7/)
    // And who comes without the proxy is not believed either, unless it comes from where proxies are.
    const direct = connect({ ...server.at, localAddress: '127.0.0.88' })
    cleanup(t, () => void direct.destroy())
    direct.resume()
    direct.write('GET /v1/stream?scope=a HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n')
    await poll('both are there', async () => (await peers(server)).length === 2)
    assert.deepEqual(await peers(server), [trusted ? '127.0.0.77' : '127.0.0.1', '127.0.0.88'].sort())
  })
