/* The WebSocket: scopes come and go, and tokens are renewed, on the open connection.
 *
 * A browser shows no status of a refused upgrade, so the server accepts and then closes with a code. The token is offered
 * as a subprotocol, which the server never echoes: headers cannot be set, an address ends up in logs, and the scopes in the address
 * are decided on before any message. It is the first message too, for a token that no subprotocol can hold.
 */

import { development } from './development.ts'
import { parseJson } from './transport.ts'
import type { Transport } from './transport.ts'

export type SocketConstructor = new (url: string, protocols?: string[]) => WebSocket

export function webSocketTransport(constructor?: SocketConstructor): Transport {
  return {
    name: 'websocket',
    open({ url, query, token }, { onHeard, onEvent, onEnd }) {
      const Socket = constructor ?? globalThis.WebSocket
      const address = new URL(`${url}/v1/ws?${query}`, globalThis.location?.href).href.replace(/^http/, 'ws')
      const protocols = token && /^[\w.-]+$/.test(token) ? ['unstale', `bearer.${token}`] : undefined
      const socket = new Socket(address, protocols)
      const send = (message: object) => {
        if (socket.readyState === 1) socket.send(JSON.stringify(message))
      }
      socket.onopen = () => {
        if (token) send({ type: 'token', token })
      }
      socket.onmessage = ({ data }) => {
        onHeard()
        const { type, notice, ...body } = (parseJson(data as string) ?? {}) as { type?: unknown; notice?: unknown }
        onEvent(`${type}`, { ...body, type: notice })
      }
      socket.onclose = ({ code, reason }) => {
        onEnd({ kind: code === 1006 ? 'network' : 'closed', status: code, message: reason || (development ? `closed with ${code}` : 'closed') })
      }
      return {
        send,
        close() {
          socket.onmessage = socket.onclose = null
          socket.close()
        },
      }
    },
  }
}
