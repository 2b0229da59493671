/* Plain broadcast servers on Node: its own HTTP for SSE, the packages ws and socket.io.
 *
 *     node node.ts sse|ws|socketio FOLDER        the packages are in FOLDER/node_modules
 *
 * GET /N subscribes to topic N, POST /N sends the body to its subscribers. */

import { createServer, type ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/* What is used of the packages, which are not there where this is type-checked. */
interface Socket {
  send(text: string): void
  on(event: 'close' | 'error', listener: () => void): void
}
interface WsModule {
  WebSocketServer: new (options: object) => { on(event: 'connection', listener: (socket: Socket, request: { url: string }) => void): void }
}
interface Client {
  join(room: string): void
  handshake: { query: { topic: string } }
}
interface SocketIoModule {
  Server: new (server: object, options: object) => {
    on(event: 'connection', listener: (client: Client) => void): void
    to(room: string): { emit(event: string, text: string): void }
  }
}

const [kind = 'sse', folder = '.'] = process.argv.slice(2)
const packages = createRequire(join(folder, 'here.js'))

function topicOf(url: string | undefined): string {
  return (url ?? '/').split('/').at(-1) ?? ''
}

class Topics<T> {
  readonly #all = new Map<string, Set<T>>()

  of(name: string): Set<T> {
    let known = this.#all.get(name)
    if (!known) this.#all.set(name, (known = new Set()))
    return known
  }
}

const streams = new Topics<ServerResponse>()
let publish = (topic: string, body: Buffer): void => {
  const event = Buffer.concat([Buffer.from('data: '), body, Buffer.from('\n\n')])
  for (const stream of streams.of(topic)) stream.write(event)
}

const server = createServer((request, response) => {
  const topic = topicOf(request.url)
  if (request.method === 'POST') {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      publish(topic, Buffer.concat(parts))
      response.writeHead(200, { 'Content-Length': 0 }).end()
    })
    return
  }
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
  response.flushHeaders()
  streams.of(topic).add(response)
  request.on('close', () => streams.of(topic).delete(response))
})

if (kind === 'ws') {
  const { WebSocketServer } = packages('ws') as WsModule
  const sockets = new Topics<Socket>()
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket, request) => {
    const topic = sockets.of(topicOf(request.url))
    topic.add(socket)
    socket.on('close', () => topic.delete(socket))
    socket.on('error', () => topic.delete(socket))
  })
  publish = (topic, body) => {
    const text = body.toString()
    for (const socket of sockets.of(topic)) socket.send(text)
  }
} else if (kind === 'socketio') {
  const { Server } = packages('socket.io') as SocketIoModule
  const io = new Server(server, { transports: ['websocket'], pingInterval: 300_000 })
  io.on('connection', (client) => client.join(client.handshake.query.topic))
  publish = (topic, body) => io.to(topic).emit('m', body.toString())
}

server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', 4096, () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}`)
})
