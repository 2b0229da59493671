/* Server-sent events by the browser's own EventSource, for where a streaming fetch does not exist or is tampered with. It
 * can neither send a token nor tell why it was refused, so it is an entry of its own and not among the transports of `auto`. */

import { parseJson } from './transport.ts'
import type { Transport } from './transport.ts'

const EVENTS = ['ready', 'stale', 'reset', 'notice', 'revoked', 'heartbeat', 'position', 'closed']

export function eventSourceTransport(constructor?: typeof EventSource): Transport {
  return {
    name: 'eventsource',
    open({ url, query, credentials }, { onHeard, onEvent, onEnd }) {
      const Source = constructor ?? globalThis.EventSource
      const source = new Source(`${url}/v1/stream?${query}`, { withCredentials: credentials === 'include' })
      for (const name of EVENTS) {
        source.addEventListener(name, (event) => {
          if (source.readyState === 2) return
          onHeard()
          onEvent(name, parseJson((event as MessageEvent<string>).data))
        })
      }
      /* It would come back by itself, but to the old address, with its old position. */
      source.onerror = () => {
        if (over) return
        over = true
        source.close()
        onEnd({ kind: 'network', message: 'the EventSource failed; it does not tell why' })
      }
      let over = false
      return {
        close() {
          over = true
          source.close()
        },
      }
    },
  }
}
