/* Other servers that do fan-out, for comparison: those that are installed. `scripts/bench --peers` installs them. */

import { accessSync, constants, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Contender, repository, scratch, serving, type Serving, type Transport } from './contender.ts'
import { freePort, Program, sleep } from './processes.ts'

const here = join(repository, 'bench', 'peers')

/** Where scripts/bench puts the packages of npm. */
const packages = join(repository, '.tools', 'peers')

function program(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function fill(template: string, values: Record<string, string | number>): string {
  const text = readFileSync(join(here, template), 'utf8')
  return text.replace(/@(\w+)@/g, (whole, name: string) => String(values[name] ?? whole))
}

async function startNchan(): Promise<Serving> {
  const folder = scratch()
  const port = await freePort()
  const file = join(folder.path, 'nginx.conf')
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  writeFileSync(file, fill('nchan.conf', { FOLDER: folder.path, PORT: port, USER: user }))
  const nginx = new Program(['nginx', '-c', file, '-p', '/usr/share/nginx', '-e', join(folder.path, 'error.log')], { core: 'server' })
  await nginx.accepts(port)
  await nginx.has(2)
  const load = ['--server', `127.0.0.1:${port}`, '--path', '/sub/%d', '--publish-path', '/pub/%d']
  return serving([nginx], () => load, { remove: folder.remove })
}

const GRIP = '{"items":[{"channel":"%d","formats":{"http-stream":{"content":"data: %b\\n\\n"},"ws-message":{"content":"%b"}}}]}'

async function startPushpin(): Promise<Serving> {
  const folder = scratch()
  for (const name of ['run', 'log']) mkdirSync(join(folder.path, name))
  const [port, publish, one, two, three] = await Promise.all([freePort(), freePort(), freePort(), freePort(), freePort()])
  const values = { FOLDER: folder.path, PORT: port, PUBLISH: publish, PORT1: one, PORT2: two, PORT3: three }
  const origin = new Program([process.execPath, join(here, 'origin.ts')], { core: 'load' })
  writeFileSync(join(folder.path, 'routes'), `* 127.0.0.1:${await origin.announced()},over_http\n`)
  writeFileSync(join(folder.path, 'pushpin.conf'), fill('pushpin.conf', values))
  writeFileSync(join(folder.path, 'zurl.conf'), fill('zurl.conf', values))
  const zurl = new Program(['zurl', `--config=${join(folder.path, 'zurl.conf')}`], { core: 'load' })
  const pushpin = new Program(['pushpin', `--config=${join(folder.path, 'pushpin.conf')}`], { core: 'server' })
  await pushpin.accepts(port)
  await pushpin.accepts(publish)
  // Its parts find each other a little later; until then it answers 500.
  await sleep(1500)
  const load = [
    ...['--server', `127.0.0.1:${port}`, '--path', '/%d', '--connecting', '20'],
    ...['--publish', `127.0.0.1:${publish}`, '--publish-path', '/publish/'],
    ...['--content-type', 'application/json', '--body', GRIP],
  ]
  return serving([origin, zurl, pushpin], () => load, { counted: [pushpin], remove: folder.remove })
}

async function startNode(kind: 'sse' | 'ws' | 'socketio'): Promise<Serving> {
  const node = new Program([process.execPath, join(here, 'node.ts'), kind, packages], { core: 'server' })
  const port = await node.announced()
  const load = ['--server', `127.0.0.1:${port}`, '--publish-path', '/%d']
  const path = kind === 'socketio' ? '/socket.io/?EIO=4&transport=websocket&topic=%d' : '/%d'
  return serving([node], () => [...load, '--path', path, ...(kind === 'socketio' ? ['--hello', '40'] : [])])
}

async function startRedis(): Promise<Serving> {
  const folder = scratch()
  const port = await freePort()
  const options = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--maxclients', '15000', '--protected-mode', 'no', '--loglevel', 'warning']
  const redis = new Program(['redis-server', '--port', String(port), '--dir', folder.path, ...options], { core: 'server' })
  await redis.accepts(port)
  const load = ['--server', `127.0.0.1:${port}`, '--hello', 'SUBSCRIBE %d\r\n', '--publish-line', '--body', 'PUBLISH %d %b\r\n']
  return serving([redis], () => load, { remove: folder.remove })
}

interface Peer {
  name: string
  transports: readonly Transport[]
  share: number
  most: number
  installed: boolean
  start(transport: Transport): Promise<Serving>
}

const PEERS: readonly Peer[] = [
  {
    name: 'nchan',
    transports: ['sse', 'ws'],
    share: 1,
    most: 10_000,
    installed: program('nginx') && existsSync('/usr/lib/nginx/modules/ngx_nchan_module.so'),
    start: startNchan,
  },
  { name: 'pushpin', transports: ['sse', 'ws'], share: 0.1, most: 1000, installed: program('pushpin') && program('zurl'), start: startPushpin },
  { name: 'node http', transports: ['sse'], share: 0.3, most: 10_000, installed: true, start: () => startNode('sse') },
  { name: 'node ws', transports: ['ws'], share: 0.5, most: 10_000, installed: existsSync(join(packages, 'node_modules', 'ws')), start: () => startNode('ws') },
  {
    name: 'socket.io',
    transports: ['ws'],
    share: 0.3,
    most: 1000,
    installed: existsSync(join(packages, 'node_modules', 'socket.io')),
    start: () => startNode('socketio'),
  },
  { name: 'redis', transports: ['line'], share: 1, most: 10_000, installed: program('redis-server'), start: startRedis },
]

/** Those that are installed. */
export function peers(): Contender[] {
  return PEERS.filter((peer) => peer.installed).flatMap((peer) =>
    peer.transports.map((transport) => ({
      name: peer.name,
      transport,
      share: peer.share,
      most: peer.most,
      start: () => peer.start(transport),
    })),
  )
}

export function missingPeers(): string[] {
  return PEERS.filter((peer) => !peer.installed).map((peer) => peer.name)
}
