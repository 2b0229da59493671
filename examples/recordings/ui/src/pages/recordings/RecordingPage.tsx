import { useState } from 'react'
import { PageHead, Problem, Skeleton, StatusChip, TextDialog, useFlash } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { useGone } from '@unstale-examples/ui/components/useGone.ts'
import { Waveform } from '../../components/Waveform.tsx'
import { useConversations } from '../../hooks/useConversations.ts'
import { useAllProjects } from '../../hooks/useProjects.ts'
import { useDeleteRecording, useRecording, useUpdateRecording } from '../../hooks/useRecordings.ts'
import { useTranscriptionProgress } from '../../hooks/useTranscriptionProgress.ts'
import { ago, bytes, duration, fullTime } from '@unstale-examples/ui/lib/format.ts'
import { queryKeys } from '../../lib/queryKeys.ts'
import { Link, navigate, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { STATUSES } from '../../types.ts'
import type { Recording, Status } from '../../types.ts'

export function RecordingPage({ id }: { id: string }) {
  const { data, error, refetch } = useRecording(id)
  usePageTitle(data?.title ?? 'Recording')
  useGone(error, queryKeys.recordings.detail(id), 'recording', '/recordings')

  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link href="/recordings">
          <Icon name="left" /> Recordings
        </Link>
      </nav>
      {data ? <Details row={data} /> : error ? <Problem error={error} onRetry={() => void refetch()} /> : <Skeleton rows={4} />}
    </>
  )
}

function Details({ row }: { row: Recording }) {
  const [renaming, setRenaming] = useState(false)
  const update = useUpdateRecording()
  const remove = useDeleteRecording()
  const projects = useAllProjects()
  const chats = useConversations()
  const flash = useFlash(row.updated_at)
  const progress = useTranscriptionProgress(row.id, row.status === 'transcribing')
  const about = chats.data?.items.filter((chat) => chat.recording_id === row.id) ?? []

  function change(fields: Partial<Recording>) {
    update.mutate({ id: row.id, fields })
  }

  function deleteIt() {
    /* Leave first: the list shows at once that the row is gone, and brings it back if it is not. */
    navigate('/recordings')
    remove.mutate(row.id)
  }

  return (
    <>
      <PageHead title={row.title} lead={`Recorded ${ago(row.created_at)}`}>
        <button type="button" className="button" onClick={() => setRenaming(true)}>
          <Icon name="pencil" /> Rename
        </button>
        <button type="button" className="button button-danger" onClick={deleteIt}>
          <Icon name="trash" /> Delete
        </button>
      </PageHead>
      <div className={`card hero ${flash}`} data-id={row.id}>
        <Waveform id={row.id} bars={96} className={row.status === 'transcribing' ? 'moving' : ''} />
        <div className="hero-foot">
          <StatusChip status={row.status} />
          {progress !== null && (
            <progress aria-label="Transcribed" max={100} value={progress}>
              {progress} %
            </progress>
          )}
          <span>{duration(row.duration_s)}</span>
        </div>
      </div>
      <div className="columns">
        <section className="card">
          <h2>Details</h2>
          <dl className="facts">
            <dt>
              <label htmlFor="recording-status">Status</label>
            </dt>
            <dd>
              <select
                id="recording-status"
                value={row.status}
                onChange={(event) => change({ status: event.target.value as Status })}
              >
                {STATUSES.map((status) => (
                  <option key={status}>{status}</option>
                ))}
              </select>
            </dd>
            <dt>
              <label htmlFor="recording-project">Project</label>
            </dt>
            <dd>
              <select
                id="recording-project"
                value={row.project_id ?? ''}
                onChange={(event) => change({ project_id: event.target.value || null })}
              >
                <option value="">None</option>
                {projects.data?.items.map((project) => (
                  <option key={project.id} value={project.id}>
                    {project.name}
                  </option>
                ))}
              </select>
            </dd>
            <dt>Size</dt>
            <dd>{bytes(row.size_bytes)}</dd>
            <dt>Recorded</dt>
            <dd>{fullTime(row.created_at)}</dd>
            <dt>Last change</dt>
            <dd>{fullTime(row.updated_at)}</dd>
            <dt>Id</dt>
            <dd>
              <code>{row.id}</code>
            </dd>
          </dl>
        </section>
        <section className="card">
          <h2>Chats about it</h2>
          {about.length === 0 ? (
            <p className="muted">Nobody has asked anything yet.</p>
          ) : (
            <ul className="plain-list">
              {about.map((chat) => (
                <li key={chat.id}>
                  <strong>{chat.title}</strong>
                  <span className="muted">{chat.last_message}</span>
                </li>
              ))}
            </ul>
          )}
        </section>
      </div>
      {renaming && (
        <TextDialog
          title="Rename recording"
          label="Title"
          initial={row.title}
          submit="Rename"
          onClose={() => setRenaming(false)}
          onText={(title) => change({ title })}
        />
      )}
    </>
  )
}
