import { useState } from 'react'
import { useDeleteRecording, useUpdateRecording } from '../hooks/useRecordings.ts'
import { ago, bytes, duration, fullTime } from '@unstale-examples/ui/lib/format.ts'
import { isDraft } from '@unstale-examples/ui/lib/optimistic.ts'
import { Link } from '@unstale-examples/ui/lib/router.tsx'
import type { Recording } from '../types.ts'
import { IconButton, StatusChip, TextDialog, useFlash } from '@unstale-examples/ui/components/bits.tsx'
import { Waveform } from './Waveform.tsx'

export function RecordingTable({
  rows,
  stale,
  caption,
  oneProject = false,
}: {
  rows: readonly Recording[]
  stale: boolean
  caption: string
  oneProject?: boolean
}) {
  const [renaming, setRenaming] = useState<Recording | null>(null)
  const update = useUpdateRecording()
  const remove = useDeleteRecording()

  return (
    <>
      <table className={`rows ${oneProject ? 'one-project' : ''}`} aria-busy={stale}>
        <caption className="sr-only">{caption}</caption>
        <thead>
          <tr>
            <th scope="col">Title</th>
            <th scope="col" className="wider of-project">
              Project
            </th>
            <th scope="col">Status</th>
            <th scope="col" className="wide number">
              Length
            </th>
            <th scope="col" className="widest number">
              Size
            </th>
            <th scope="col" className="wide">
              Recorded
            </th>
            <th scope="col">
              <span className="sr-only">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <RecordingRow key={row.id} row={row} onRename={() => setRenaming(row)} onDelete={() => remove.mutate(row.id)} />
          ))}
        </tbody>
      </table>
      {renaming && (
        <TextDialog
          title="Rename recording"
          label="Title"
          initial={renaming.title}
          submit="Rename"
          onClose={() => setRenaming(null)}
          onText={(title) => update.mutate({ id: renaming.id, fields: { title } })}
        />
      )}
    </>
  )
}

function RecordingRow({ row, onRename, onDelete }: { row: Recording; onRename: () => void; onDelete: () => void }) {
  const flash = useFlash(row.updated_at)
  const draft = isDraft(row)
  return (
    <tr className={`${flash} ${draft ? 'draft' : ''}`} data-id={row.id}>
      <th scope="row">
        <span className="titled">
          <Waveform id={row.id} />
          <span>
            {draft ? <span>{row.title}</span> : <Link href={`/recordings/${encodeURIComponent(row.id)}`}>{row.title}</Link>}
            {row.project_name && <small className="under of-project">{row.project_name}</small>}
          </span>
        </span>
      </th>
      <td className="wider of-project">
        {row.project_id && row.project_name ? (
          <Link href={`/projects/${encodeURIComponent(row.project_id)}`}>{row.project_name}</Link>
        ) : (
          <span className="muted">–</span>
        )}
      </td>
      <td>
        <StatusChip status={row.status} />
      </td>
      <td className="wide number">{duration(row.duration_s)}</td>
      <td className="widest number">{bytes(row.size_bytes)}</td>
      <td className="wide" title={fullTime(row.created_at)}>
        {ago(row.created_at)}
      </td>
      <td className="row-actions">
        <IconButton icon="pencil" label={`Rename ${row.title}`} disabled={draft} onClick={onRename} />
        <IconButton icon="trash" label={`Delete ${row.title}`} disabled={draft} onClick={onDelete} />
      </td>
    </tr>
  )
}
