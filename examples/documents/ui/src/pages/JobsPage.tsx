import { useQuery } from '@tanstack/react-query'
import { Empty, PageHead, Problem, Skeleton, StatusChip } from '@unstale-examples/ui/components/bits.tsx'
import { ago } from '@unstale-examples/ui/lib/format.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { queries } from '../lib/api.ts'
import type { Project } from '../types.ts'

export function JobsPage({ project }: { project: Project }) {
  usePageTitle('Extraction')
  const jobs = useQuery(queries.jobs(project.id))
  const notifications = useQuery(queries.notifications(project.id))
  return (
    <>
      <PageHead title="Extraction" lead={project.name} />
      <div className="columns">
        <section className="card" aria-label="Jobs">
          <h2>Jobs</h2>
          {jobs.error ? (
            <Problem error={jobs.error} onRetry={() => void jobs.refetch()} />
          ) : !jobs.data ? (
            <Skeleton rows={3} />
          ) : jobs.data.length === 0 ? (
            <Empty icon="history" title="No jobs yet" />
          ) : (
            <ul className="plain-list">
              {jobs.data.map((job) => (
                <li key={job.id} data-id={job.id}>
                  <StatusChip status={job.status} /> {job.document_id}, {job.objects} facts
                </li>
              ))}
            </ul>
          )}
        </section>
        <section className="card" aria-label="Notifications">
          <h2>Notifications</h2>
          <ul className="plain-list">
            {notifications.data?.map(({ id, text, created_at }) => (
              <li key={id}>
                <strong>{text}</strong> <span className="muted">{ago(created_at)}</span>
              </li>
            ))}
          </ul>
        </section>
      </div>
    </>
  )
}
