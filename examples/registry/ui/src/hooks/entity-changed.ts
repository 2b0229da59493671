/* The document's own stream, /api/v1/events/stream, as a transport of the SDK:
 *
 *   event: entity.changed
 *   data: {"type":"user.created","entity_id":"uuid","timestamp":"..."}
 *
 * So the page has what the SDK has besides, bursts and writes that are one refetch, waits that are random, a watchdog (the server
 * says something at least every 25 s, if only a comment), and the words are still the document's. It knows no positions: when a
 * connection begins the server tells one event of every type. */

import { sseTransport } from '@unstale/client'
import type { Transport } from '@unstale/client'

interface EntityChanged {
  type?: unknown
  entity_id?: unknown
}

export const entityChangedStream: Transport = {
  name: 'entity.changed',
  open(request, handlers) {
    const { url, scopes } = request
    const inner = sseTransport((_, init) => fetch(`${url}/api/v1/events/stream`, init))
    let begun = false
    const begin = () => {
      begun = true
      const answers = Object.fromEntries(scopes.map((scope) => [scope, 'fresh']))
      handlers.onEvent('ready', { connection: 'events', scopes: answers, position: '', heartbeat: 25, current: true, spread: 0 })
    }
    return inner.open(request, {
      ...handlers,
      onHeard() {
        handlers.onHeard()
        if (!begun) begin()
      },
      onEvent(name, body) {
        if (name !== 'entity.changed') return
        const { type, entity_id: id } = (body ?? {}) as EntityChanged
        const [resource, action] = String(type).split('.')
        handlers.onEvent('stale', { scope: '*', keys: [], spread: 0, changes: [{ resource, action, ...(typeof id === 'string' && { id }) }] })
      },
    })
  },
}
