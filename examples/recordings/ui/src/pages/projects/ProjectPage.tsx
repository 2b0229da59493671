import { useState } from 'react'
import { Empty, PageHead, Pagination, Problem, Skeleton, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { RecordingTable } from '../../components/RecordingTable.tsx'
import { useGone } from '@unstale-examples/ui/components/useGone.ts'
import { useProject, useUpdateProject } from '../../hooks/useProjects.ts'
import { useRecordings } from '../../hooks/useRecordings.ts'
import { hours, plural } from '@unstale-examples/ui/lib/format.ts'
import { queryKeys } from '../../lib/queryKeys.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import type { Project } from '../../types.ts'

export function ProjectPage({ id }: { id: string }) {
  const { data, error, refetch } = useProject(id)
  usePageTitle(data?.name ?? 'Project')
  useGone(error, queryKeys.projects.detail(id), 'project', '/projects')

  return (
    <>
      <nav className="crumbs" aria-label="Breadcrumb">
        <Link href="/projects">
          <Icon name="left" /> Projects
        </Link>
      </nav>
      {data ? (
        <Details project={data} />
      ) : error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : (
        <Skeleton rows={4} />
      )}
    </>
  )
}

function Details({ project }: { project: Project }) {
  const [renaming, setRenaming] = useState(false)
  const [page, setPage] = useState(1)
  const recordings = useRecordings({ page, project: project.id })
  const update = useUpdateProject()

  return (
    <>
      <PageHead title={project.name} lead={`${plural(project.recordings, 'recording')}, ${hours(project.duration_s)}`}>
        <button type="button" className="button" onClick={() => setRenaming(true)}>
          <Icon name="pencil" /> Rename
        </button>
      </PageHead>
      {project.description && <p className="description">{project.description}</p>}
      {recordings.error ? (
        <Problem error={recordings.error} onRetry={() => void recordings.refetch()} />
      ) : !recordings.data ? (
        <Skeleton />
      ) : recordings.data.items.length === 0 ? (
        <Empty icon="recordings" title="No recordings yet" />
      ) : (
        <RecordingTable
          rows={recordings.data.items}
          stale={recordings.isPlaceholderData}
          caption={`Recordings of ${project.name}`}
          oneProject
        />
      )}
      {recordings.data && (
        <Pagination
          page={page}
          pageSize={recordings.data.pageSize}
          total={recordings.data.total}
          of="recording"
          onPage={setPage}
        />
      )}
      {renaming && (
        <TextDialog
          title="Rename project"
          label="Name"
          initial={project.name}
          submit="Rename"
          onClose={() => setRenaming(false)}
          onText={(name) => update.mutate({ id: project.id, fields: { name } })}
        />
      )}
    </>
  )
}
