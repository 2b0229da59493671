import { Dialog, Empty, IconButton, PageHead, Problem, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { Status } from '../components/Status.tsx'
import { useDocuments } from '../hooks/use-documents.ts'
import { useCreatePodcast, useDeletePodcast, useGenerate, usePodcasts } from '../hooks/use-podcasts.ts'
import type { PodcastRow } from '../types.ts'

export function PodcastsPage() {
  usePageTitle('Podcasts')
  const [creating, setCreating] = useState(false)
  const { data, error, refetch } = usePodcasts()
  return (
    <>
      <PageHead title="Podcasts" lead="What your documents sound like.">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New podcast
        </button>
      </PageHead>
      {error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton />
      ) : data.length === 0 ? (
        <Empty icon="recordings" title="No podcasts yet" />
      ) : (
        <Rows rows={data} />
      )}
      {creating && <CreateDialog onClose={() => setCreating(false)} />}
    </>
  )
}

function Rows({ rows }: { rows: PodcastRow[] }) {
  const generate = useGenerate()
  const remove = useDeletePodcast()
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Podcast</th>
          <th scope="col">Document</th>
          <th scope="col">Status</th>
          <th scope="col">Made</th>
          <th scope="col">
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} data-id={row.id}>
            <th scope="row">
              <Link href={`/podcasts/${row.id}`}>{row.title}</Link>
            </th>
            <td className="of-project">{row.document_title ?? '–'}</td>
            <td>
              <Status status={row.status} />
            </td>
            <td>{ago(row.created_at)}</td>
            <td className="number">
              <button
                type="button"
                className="button-quiet"
                disabled={row.status === 'drafting'}
                onClick={() => generate.mutate({ id: row.id, jobType: 'generate-podcast' })}
              >
                Generate
              </button>
              <IconButton icon="trash" label={`Delete ${row.title}`} onClick={() => remove.mutate(row.id)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

function CreateDialog({ onClose }: { onClose: () => void }) {
  const [title, setTitle] = useState('')
  const [document, setDocument] = useState('')
  const documents = useDocuments()
  const create = useCreatePodcast()
  return (
    <Dialog
      title="New podcast"
      submit="Create"
      onClose={onClose}
      onSubmit={() => create.mutate({ title: title.trim(), document_id: document || null })}
    >
      <label className="field">
        Title
        <input
          value={title}
          onChange={(event) => setTitle(event.target.value)}
          pattern=".*\S.*"
          title="Not only spaces"
          maxLength={200}
          required
          autoFocus
        />
      </label>
      <label className="field">
        Document
        <select value={document} onChange={(event) => setDocument(event.target.value)}>
          <option value="">None</option>
          {documents.data?.map(({ id, title: name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </Dialog>
  )
}
