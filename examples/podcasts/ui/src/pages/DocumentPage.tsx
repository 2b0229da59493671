import { PageHead, Problem, Skeleton, useFlash } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { useGone } from '@unstale-examples/ui/components/useGone.ts'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { apiClient } from '../clients/api-client.ts'
import { useDocument } from '../hooks/use-documents.ts'
import type { Document } from '../types.ts'

export function DocumentPage({ id }: { id: string }) {
  const { data, error, refetch } = useDocument(id)
  usePageTitle(data?.title ?? 'Document')
  useGone(error, apiClient.documents.get.queryOptions({ input: { id } }).queryKey, 'document', '/documents')
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link href="/documents">
          <Icon name="left" /> Documents
        </Link>
      </nav>
      {data ? <Body document={data} /> : error ? <Problem error={error} onRetry={() => void refetch()} /> : <Skeleton rows={4} />}
    </>
  )
}

function Body({ document }: { document: Document }) {
  const flash = useFlash(document.updated_at)
  return (
    <>
      <PageHead title={document.title} lead={`Written ${ago(document.created_at)}`} />
      <section className={`card ${flash}`} data-id={document.id}>
        {document.body === '' ? <p className="muted">Empty.</p> : <p>{document.body}</p>}
      </section>
    </>
  )
}
