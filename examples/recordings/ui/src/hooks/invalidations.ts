/* The document's own WebSocket, /api/ws/sync, as a transport of the SDK:
 *
 *   {"type":"invalidate","resource":"recordings","action":"deleted","id":"r201"}
 *
 * So the page has what the SDK has besides, bursts and writes that are one refetch, and waits that are random, and the words are
 * still the document's. It knows no positions: whenever it opens, everything that is shown is fetched again. Nor can it see that a
 * line is dead, for the server's pings are the browser's own business; it is told when the browser is.
 *
 * The server says one message for a row, so what arrives together is handed on together: a transaction is one push. */

import { webSocketTransport } from '@unstale/client'
import type { Change, Transport } from '@unstale/client'

const TOGETHER_MS = 10

interface Invalidate {
  resource?: unknown
  action?: unknown
  id?: unknown
}

export const invalidationSocket: Transport = {
  name: 'invalidate',
  open(request, handlers) {
    const { url, scopes } = request
    const address = new URL(`${url}/api/ws/sync`, globalThis.location?.href)
    address.protocol = address.protocol.replace('http', 'ws')
    let changes: Change[] = []
    let notices = 0
    let timer: ReturnType<typeof setTimeout> | undefined

    const handOn = () => {
      const together = changes
      changes = []
      timer = undefined
      handlers.onEvent('stale', { scope: '*', keys: [], spread: 0, changes: together })
    }
    const begin = () => {
      const answers = Object.fromEntries(scopes.map((scope) => [scope, 'fresh']))
      handlers.onEvent('ready', { connection: 'sync', scopes: answers, position: '', heartbeat: 0, current: true, spread: 0 })
    }
    class Socket extends WebSocket {
      constructor() {
        super(address)
        this.addEventListener('open', begin)
      }
    }

    const inner = webSocketTransport(Socket).open(request, {
      ...handlers,
      onEvent(type, body) {
        if (type !== 'invalidate') {
          const { data } = body as { data?: unknown }
          handlers.onEvent('notice', { id: `${Date.now()}-${(notices += 1)}`, scope: '*', type, data })
          return
        }
        const { resource, action, id } = body as Invalidate
        changes.push({ resource: String(resource), action: String(action), ...(typeof id === 'string' && { id }) })
        timer ??= setTimeout(handOn, TOGETHER_MS)
      },
      onEnd(failure) {
        clearTimeout(timer)
        handlers.onEnd(failure)
      },
    })
    return {
      close() {
        clearTimeout(timer)
        inner.close()
      },
    }
  },
}
