import { useEffect, useState } from 'react'
import { useLive } from '@unstale-examples/ui/live/live.tsx'

interface Progress {
  recordingId: string
  percent: number
}

/** How far the worker says it is; null while it says nothing. It is a notice, so nothing is fetched for it. */
export function useTranscriptionProgress(id: string, running: boolean): number | null {
  const { client } = useLive()
  const [percent, setPercent] = useState<number | null>(null)

  useEffect(() => {
    setPercent(null)
    if (!running) return
    return client.onNotice(({ type, data }) => {
      if (type !== 'transcription_progress') return
      const progress = data as Progress
      if (progress.recordingId === id) setPercent(progress.percent)
    })
  }, [client, id, running])
  return percent
}
