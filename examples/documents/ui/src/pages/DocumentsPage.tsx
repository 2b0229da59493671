import { useMutation, useQuery } from '@tanstack/react-query'
import { Empty, IconButton, PageHead, Problem, Skeleton, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useInvalidateUnlessLive } from '@unstale-examples/ui/live/live.tsx'
import { useState } from 'react'
import { toast } from 'sonner'
import { EmbeddingProgress } from '../components/EmbeddingProgress.tsx'
import { StatusBadge } from '../components/StatusBadge.tsx'
import { api, queries } from '../lib/api.ts'
import type { Document, Project } from '../types.ts'

export function DocumentsPage({ project }: { project: Project }) {
  usePageTitle('Documents')
  const [creating, setCreating] = useState(false)
  const list = queries.documents(project.id)
  const { data, error, refetch } = useQuery(list)
  const invalidateUnlessLive = useInvalidateUnlessLive()
  const create = useMutation({
    mutationFn: (name: string) => api.createDocument({ project: project.id, name }),
    onSuccess: () => toast.success('Document added'),
    onError: () => toast.error('Failed to add document'),
    onSettled: () => invalidateUnlessLive(list.queryKey),
  })
  return (
    <>
      <PageHead title="Documents" lead={project.name}>
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New document
        </button>
      </PageHead>
      {error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton />
      ) : data.length === 0 ? (
        <Empty icon="projects" title="No documents here" />
      ) : (
        <DocumentsTable rows={data} />
      )}
      {creating && (
        <TextDialog
          title="New document"
          label="Name"
          submit="Add"
          onClose={() => setCreating(false)}
          onText={(name) => create.mutate(name)}
        />
      )}
    </>
  )
}

function DocumentsTable({ rows }: { rows: Document[] }) {
  const invalidateUnlessLive = useInvalidateUnlessLive()
  const settled = (id: string, project: string) =>
    invalidateUnlessLive(queries.document(id).queryKey, queries.documents(project).queryKey)
  const start = useMutation({
    mutationFn: (row: Document) => api.process(row.id),
    onError: () => toast.error('Processing could not be started'),
    onSettled: (_data, _error, row) => settled(row.id, row.project_id),
  })
  const remove = useMutation({
    mutationFn: (row: Document) => api.deleteDocument(row.id),
    onSuccess: () => toast.success('Document deleted'),
    onError: () => toast.error('Failed to delete document'),
    onSettled: (_data, _error, row) => settled(row.id, row.project_id),
  })
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Document</th>
          <th scope="col">Status</th>
          <th scope="col">Embedded</th>
          <th scope="col">Added</th>
          <th scope="col">
            <span className="sr-only">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.id} data-id={row.id}>
            <th scope="row">
              <Link href={`/documents/${row.id}`}>{row.name}</Link>
            </th>
            <td>
              <StatusBadge document={row} />
            </td>
            <td>
              <EmbeddingProgress document={row} />
            </td>
            <td>{ago(row.created_at)}</td>
            <td className="number">
              <button type="button" className="button-quiet" onClick={() => start.mutate(row)}>
                Process
              </button>
              <IconButton icon="trash" label={`Delete ${row.name}`} onClick={() => remove.mutate(row)} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}
