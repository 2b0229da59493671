/* How many chunks of a document are embedded, from what its events bring along: no fetch. */

import { useEffect, useState } from 'react'
import { useDataUpdates } from '../contexts/data-updates.tsx'
import type { Document } from '../types.ts'

export function EmbeddingProgress({ document }: { document: Document }) {
  const { id, chunks, embeddedChunks } = document
  const [progress, setProgress] = useState({ embedded: embeddedChunks, total: chunks })
  const { subscribe } = useDataUpdates()

  /* What was fetched is newer than what was pushed before it. */
  useEffect(() => setProgress({ embedded: embeddedChunks, total: chunks }), [embeddedChunks, chunks])

  useEffect(
    () =>
      subscribe(`document:${id}`, ({ data }) => {
        if (data?.['embeddedChunks'] === undefined) return
        setProgress((before) => ({ embedded: data['embeddedChunks'], total: data['chunks'] ?? before.total }))
      }),
    [id, subscribe],
  )

  return (
    <span className="embedding">
      <progress value={progress.embedded} max={progress.total} aria-label={`Embedded chunks of ${document.name}`} />
      <span className="number">
        {progress.embedded} / {progress.total}
      </span>
    </span>
  )
}
