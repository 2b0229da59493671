/* The status of one document, changed by its own events. */

import { StatusChip } from '@unstale-examples/ui/components/bits.tsx'
import { useEffect, useState } from 'react'
import { useDataUpdates } from '../contexts/data-updates.tsx'
import type { Document } from '../types.ts'

export function StatusBadge({ document }: { document: Document }) {
  const [status, setStatus] = useState<string>(document.status)
  const { subscribe } = useDataUpdates()

  useEffect(() => setStatus(document.status), [document.status])
  useEffect(
    () => subscribe(`document:${document.id}`, ({ data }) => data?.['status'] !== undefined && setStatus(data['status'])),
    [document.id, subscribe],
  )
  return <StatusChip status={status} />
}
