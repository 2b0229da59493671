/* The origin that Pushpin needs: answers each subscription with the instruction to hold it. The last part of the path is
 * the channel.
 *
 *     node origin.ts */

import { createServer } from 'node:http'

const server = createServer((request, response) => {
  const channel = (request.url ?? '/').split('/').at(-1) ?? ''
  if (request.method !== 'POST') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Grip-Hold': 'stream', 'Grip-Channel': channel })
    response.end(': here\n\n')
    return
  }
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const opens = Buffer.concat(parts).toString().startsWith('OPEN')
    const control = `c:{"type":"subscribe","channel":"${channel}"}`
    response.writeHead(200, { 'Content-Type': 'application/websocket-events', 'Sec-WebSocket-Extensions': 'grip' })
    response.end(opens ? `OPEN\r\nTEXT ${control.length.toString(16)}\r\n${control}\r\n` : '')
  })
})
server.keepAliveTimeout = 0
server.listen(0, '127.0.0.1', 4096, () => {
  const address = server.address()
  if (typeof address === 'object' && address) console.log(`listening on http://127.0.0.1:${address.port}`)
})
