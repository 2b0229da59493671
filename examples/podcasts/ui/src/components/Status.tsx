import { StatusChip } from '@unstale-examples/ui/components/bits.tsx'
import type { Status as PodcastStatus } from '../types.ts'

export function Status({ status }: { status: PodcastStatus }) {
  return (
    <>
      <StatusChip status={status} />
      {status === 'drafting' && <span className="muted generating"> Generating...</span>}
    </>
  )
}
