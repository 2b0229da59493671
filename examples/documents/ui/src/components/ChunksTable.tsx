/* The chunks of one document. A stroke of events is a number here; the rows come with the refetch that the SDK makes. */

import { useQuery } from '@tanstack/react-query'
import { Problem, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { useEffect, useState } from 'react'
import { useDataUpdates } from '../contexts/data-updates.tsx'
import { queries } from '../lib/api.ts'

export function ChunksTable({ documentId }: { documentId: string }) {
  const { data, error, refetch } = useQuery(queries.chunks(documentId))
  const [heard, setHeard] = useState(0)
  const { subscribe } = useDataUpdates()

  useEffect(() => subscribe('chunk:*', ({ ids }) => setHeard((before) => before + (ids?.length ?? 1))), [subscribe])

  if (error) return <Problem error={error} onRetry={() => void refetch()} />
  if (!data) return <Skeleton rows={4} />
  return (
    <>
      <p className="muted" role="status">
        {heard === 0 ? '' : `${heard} chunks of this project changed since this page was opened.`}
      </p>
      <table className="rows chunks">
        <thead>
          <tr>
            <th scope="col">Chunk</th>
            <th scope="col">Embedded</th>
          </tr>
        </thead>
        <tbody>
          {data.map((chunk) => (
            <tr key={chunk.id} data-id={chunk.id}>
              <th scope="row">{chunk.text}</th>
              <td>{chunk.embedded ? 'yes' : 'no'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  )
}
