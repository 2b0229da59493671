import { Empty, IconButton, PageHead, Problem, Skeleton, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { useCreateDocument, useDeleteDocument, useDocuments } from '../hooks/use-documents.ts'

export function DocumentsPage() {
  usePageTitle('Documents')
  const [creating, setCreating] = useState(false)
  const { data, error, refetch } = useDocuments()
  const create = useCreateDocument()
  const remove = useDeleteDocument()
  return (
    <>
      <PageHead title="Documents" lead="What podcasts are made of.">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New document
        </button>
      </PageHead>
      {error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton />
      ) : data.length === 0 ? (
        <Empty icon="projects" title="No documents yet" />
      ) : (
        <table className="rows">
          <thead>
            <tr>
              <th scope="col">Document</th>
              <th scope="col">Written</th>
              <th scope="col">
                <span className="sr-only">Actions</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {data.map((row) => (
              <tr key={row.id} data-id={row.id}>
                <th scope="row">
                  <Link href={`/documents/${row.id}`}>{row.title}</Link>
                </th>
                <td>{ago(row.created_at)}</td>
                <td className="number">
                  <IconButton icon="trash" label={`Delete ${row.title}`} onClick={() => remove.mutate(row.id)} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {creating && (
        <TextDialog
          title="New document"
          label="Title"
          submit="Create"
          onClose={() => setCreating(false)}
          onText={(title) => create.mutate({ title, body: '' })}
        />
      )}
    </>
  )
}
