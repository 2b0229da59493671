import { PageHead, Problem, Skeleton, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { useProject, useProjectBundle, useRenameProject } from '../hooks/useProjects.ts'
import { useCreateSprint } from '../hooks/useSprints.ts'

export function BoardPage({ project }: { project: string }) {
  const { data: head } = useProject(project)
  const { data, error, refetch } = useProjectBundle(project)
  const [dialog, setDialog] = useState<'rename' | 'sprint' | null>(null)
  const rename = useRenameProject(project)
  const createSprint = useCreateSprint(project)
  usePageTitle(head?.name ?? 'Project')
  if (error) return <Problem error={error} onRetry={() => void refetch()} />
  if (!data || !head) return <Skeleton />
  return (
    <>
      <PageHead title={head.name} lead={head.description}>
        <button type="button" className="button" onClick={() => setDialog('rename')}>
          <Icon name="pencil" /> Rename
        </button>
        <button type="button" className="button button-primary" onClick={() => setDialog('sprint')}>
          <Icon name="plus" /> New sprint
        </button>
      </PageHead>
      <div className="columns">
        <section className="card" aria-label="Sprints">
          <h2>Sprints</h2>
          <ul className="plain-list">
            {data.sprints.map((sprint) => (
              <li key={sprint.id} data-id={sprint.id}>
                <Link href={`/sprints/${sprint.id}`}>{sprint.name}</Link>
                <span className="muted">{sprint.started ? 'started' : 'planned'}</span>
              </li>
            ))}
          </ul>
        </section>
        <section className="card" aria-label="Team">
          <h2>Team</h2>
          <ul className="plain-list">
            {data.members.map((member) => (
              <li key={member.id} data-id={member.id}>
                <strong>{member.name}</strong> <span className="muted">{member.role}</span>
              </li>
            ))}
          </ul>
        </section>
      </div>
      {dialog === 'rename' && (
        <TextDialog
          title="Rename project"
          label="Name"
          initial={head.name}
          submit="Rename"
          onClose={() => setDialog(null)}
          onText={(name) => rename.mutate(name)}
        />
      )}
      {dialog === 'sprint' && (
        <TextDialog
          title="New sprint"
          label="Name"
          submit="Create"
          onClose={() => setDialog(null)}
          onText={(name) => createSprint.mutate(name)}
        />
      )}
    </>
  )
}
