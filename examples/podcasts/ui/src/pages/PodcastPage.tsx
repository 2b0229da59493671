import { PageHead, Problem, Skeleton, useFlash } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { useGone } from '@unstale-examples/ui/components/useGone.ts'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { Link, navigate, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { apiClient } from '../clients/api-client.ts'
import { Status } from '../components/Status.tsx'
import { useDeletePodcast, useGenerate, usePodcast } from '../hooks/use-podcasts.ts'
import type { JobType, Podcast } from '../types.ts'

export function PodcastPage({ id }: { id: string }) {
  const { data, error, refetch } = usePodcast(id)
  usePageTitle(data?.title ?? 'Podcast')
  useGone(error, apiClient.podcasts.get.queryOptions({ input: { id } }).queryKey, 'podcast', '/')
  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link href="/">
          <Icon name="left" /> Podcasts
        </Link>
      </nav>
      {data ? <Details podcast={data} /> : error ? <Problem error={error} onRetry={() => void refetch()} /> : <Skeleton rows={4} />}
    </>
  )
}

const JOBS: { type: JobType; text: string }[] = [
  { type: 'generate-podcast', text: 'Generate' },
  { type: 'generate-script', text: 'Script only' },
  { type: 'generate-audio', text: 'Audio only' },
]

function Details({ podcast }: { podcast: Podcast }) {
  const generate = useGenerate()
  const remove = useDeletePodcast()
  const flash = useFlash(podcast.updated_at)
  const busy = podcast.status === 'drafting'

  function deleteIt() {
    /* Leave first: the list shows at once that the row is gone, and brings it back if it is not. */
    navigate('/')
    remove.mutate(podcast.id)
  }

  return (
    <>
      <PageHead title={podcast.title} lead={`Made ${ago(podcast.created_at)} of ${podcast.document_title ?? 'no document'}`}>
        {JOBS.map(({ type, text }) => (
          <button
            key={type}
            type="button"
            className={`button ${type === 'generate-podcast' ? 'button-primary' : ''}`}
            disabled={busy}
            onClick={() => generate.mutate({ id: podcast.id, jobType: type })}
          >
            {text}
          </button>
        ))}
        <button type="button" className="button button-danger" onClick={deleteIt}>
          <Icon name="trash" /> Delete
        </button>
      </PageHead>
      <section className={`card ${flash}`} data-id={podcast.id} aria-label="State">
        <Status status={podcast.status} />
        <p className="audio">
          {podcast.audioUrl ? (
            <>
              Audio: <code>{podcast.audioUrl}</code>
            </>
          ) : (
            <span className="muted">No audio yet.</span>
          )}
        </p>
      </section>
      <section className="card">
        <h2>Script</h2>
        {podcast.segments.length === 0 ? (
          <p className="muted">Nothing is written yet.</p>
        ) : (
          <ol className="segments">
            {podcast.segments.map(({ speaker, text }, index) => (
              <li key={index}>
                <strong>{speaker}</strong> {text}
              </li>
            ))}
          </ol>
        )}
      </section>
    </>
  )
}
