import { useState } from 'react'
import {
  Dialog,
  Empty,
  FilterText,
  IconButton,
  PageHead,
  Pagination,
  Problem,
  Skeleton,
  TextDialog,
  useFlash,
} from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { useCreateProject, useDeleteProject, useProjects, useUpdateProject } from '../../hooks/useProjects.ts'
import { isDraft } from '@unstale-examples/ui/lib/optimistic.ts'
import { hours, plural } from '@unstale-examples/ui/lib/format.ts'
import { Link, usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import type { Project, ProjectFilters } from '../../types.ts'

export function ProjectsPage() {
  usePageTitle('Projects')
  const [filters, setFilters] = useState<ProjectFilters>({ page: 1, pageSize: 12 })
  const [creating, setCreating] = useState(false)
  const [renaming, setRenaming] = useState<Project | null>(null)
  const [deleting, setDeleting] = useState<Project | null>(null)
  const { data, isPlaceholderData, error, refetch } = useProjects(filters)
  const update = useUpdateProject()
  const remove = useDeleteProject()

  return (
    <>
      <PageHead title="Projects" lead="What belongs together.">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New project
        </button>
      </PageHead>
      <div className="filters" role="search" aria-label="Filter projects">
        <FilterText
          label="Filter by name or description"
          value={filters.q ?? ''}
          onChange={(q) => setFilters({ page: 1, pageSize: 12, ...(q && { q }) })}
        />
      </div>
      {error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton />
      ) : data.items.length === 0 ? (
        <Empty icon="projects" title="No projects here" />
      ) : (
        <ul className="cards" aria-busy={isPlaceholderData}>
          {data.items.map((project) => (
            <ProjectCard
              key={project.id}
              project={project}
              onRename={() => setRenaming(project)}
              onDelete={() => setDeleting(project)}
            />
          ))}
        </ul>
      )}
      {data && (
        <Pagination
          page={filters.page ?? 1}
          pageSize={data.pageSize}
          total={data.total}
          of="project"
          onPage={(page) => setFilters({ ...filters, page })}
        />
      )}
      {creating && <CreateDialog onClose={() => setCreating(false)} />}
      {renaming && (
        <TextDialog
          title="Rename project"
          label="Name"
          initial={renaming.name}
          submit="Rename"
          onClose={() => setRenaming(null)}
          onText={(name) => update.mutate({ id: renaming.id, fields: { name } })}
        />
      )}
      {deleting && (
        <Dialog
          title="Delete project?"
          submit="Delete"
          danger
          onClose={() => setDeleting(null)}
          onSubmit={() => remove.mutate(deleting.id)}
        >
          <p>
            <strong>{deleting.name}</strong> goes away. Its {plural(deleting.recordings, 'recording')} stay, without a project.
          </p>
        </Dialog>
      )}
    </>
  )
}

function ProjectCard({ project, onRename, onDelete }: { project: Project; onRename: () => void; onDelete: () => void }) {
  const flash = useFlash(project.updated_at)
  const draft = isDraft(project)
  return (
    <li className={`card project-card ${flash} ${draft ? 'draft' : ''}`} data-id={project.id}>
      <div>
        <h2>
          {draft ? project.name : <Link href={`/projects/${encodeURIComponent(project.id)}`}>{project.name}</Link>}
        </h2>
        <p className="muted">{project.description || 'No description'}</p>
      </div>
      <footer>
        <span>
          {plural(project.recordings, 'recording')} <span className="muted">· {hours(project.duration_s)}</span>
        </span>
        <span className="row-actions">
          <IconButton icon="pencil" label={`Rename ${project.name}`} disabled={draft} onClick={onRename} />
          <IconButton icon="trash" label={`Delete ${project.name}`} disabled={draft} onClick={onDelete} />
        </span>
      </footer>
    </li>
  )
}

function CreateDialog({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState('')
  const [description, setDescription] = useState('')
  const create = useCreateProject()
  return (
    <Dialog
      title="New project"
      submit="Create"
      onClose={onClose}
      onSubmit={() => create.mutate({ name: name.trim(), description: description.trim() })}
    >
      <label className="field">
        Name
        <input
          value={name}
          onChange={(event) => setName(event.target.value)}
          pattern=".*\S.*"
          title="Not only spaces"
          maxLength={120}
          required
          autoFocus
        />
      </label>
      <label className="field">
        Description
        <input value={description} onChange={(event) => setDescription(event.target.value)} maxLength={500} />
      </label>
    </Dialog>
  )
}
