import { useQuery } from '@tanstack/react-query'
import { PageHead, Problem, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { useGone } from '@unstale-examples/ui/components/useGone.ts'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { ChunksTable } from '../components/ChunksTable.tsx'
import { EmbeddingProgress } from '../components/EmbeddingProgress.tsx'
import { StatusBadge } from '../components/StatusBadge.tsx'
import { queries } from '../lib/api.ts'
import type { Document } from '../types.ts'

export function DocumentPage({ id }: { id: string }) {
  const query = queries.document(id)
  const { data, error, refetch } = useQuery(query)
  usePageTitle(data?.name ?? 'Document')
  useGone(error, query.queryKey, 'document', '/')
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link href="/">
          <Icon name="left" /> Documents
        </Link>
      </nav>
      {data ? <Details document={data} /> : error ? <Problem error={error} onRetry={() => void refetch()} /> : <Skeleton rows={4} />}
    </>
  )
}

function Details({ document }: { document: Document }) {
  const objects = useQuery(queries.objects(document.id))
  return (
    <>
      <PageHead title={document.name} lead={`Added ${ago(document.created_at)}`} />
      <section className="card" data-id={document.id} aria-label="State">
        <StatusBadge document={document} /> <EmbeddingProgress document={document} />
      </section>
      <div className="columns">
        <section className="card">
          <h2>Chunks</h2>
          <ChunksTable documentId={document.id} />
        </section>
        <section className="card">
          <h2>Facts</h2>
          {objects.data?.length ? (
            <ul className="plain-list facts-found">
              {objects.data.map(({ id, kind, label }) => (
                <li key={id}>
                  <strong>{kind}</strong> <span>{label}</span>
                </li>
              ))}
            </ul>
          ) : (
            <p className="muted">None yet.</p>
          )}
        </section>
      </div>
    </>
  )
}
