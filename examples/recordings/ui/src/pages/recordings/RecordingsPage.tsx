import { useEffect, useState } from 'react'
import { Dialog, Empty, FilterText, PageHead, Pagination, Problem, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { RecordingTable } from '../../components/RecordingTable.tsx'
import { useAllProjects } from '../../hooks/useProjects.ts'
import { useCreateRecording, useRecordings } from '../../hooks/useRecordings.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { loadSavedFilters, saveFilters } from '../../lib/savedFilters.ts'
import { STATUSES } from '../../types.ts'
import type { RecordingFilters } from '../../types.ts'

export function RecordingsPage() {
  usePageTitle('Recordings')
  const [filters, setFilters] = useState<RecordingFilters>(loadSavedFilters)
  const [creating, setCreating] = useState(false)
  const { data, isPlaceholderData, error, refetch } = useRecordings(filters)
  const page = filters.page ?? 1

  useEffect(() => saveFilters(filters), [filters])

  /* The last row of the last page may have been deleted meanwhile. */
  const last = data && !isPlaceholderData ? Math.max(1, Math.ceil(data.total / data.pageSize)) : page
  useEffect(() => {
    if (page > last) setFilters((old) => ({ ...old, page: last }))
  }, [page, last])

  return (
    <>
      <PageHead title="Recordings" lead="Everything that was ever recorded, newest first.">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New recording
        </button>
      </PageHead>
      <Filters filters={filters} onChange={setFilters} />
      {error ? (
        <Problem error={error} onRetry={() => void refetch()} />
      ) : !data ? (
        <Skeleton rows={10} />
      ) : data.items.length === 0 ? (
        <Empty icon="recordings" title="No recordings here">
          Nothing matches these filters.
        </Empty>
      ) : (
        <RecordingTable rows={data.items} stale={isPlaceholderData} caption="Recordings" />
      )}
      {data && (
        <Pagination
          page={page}
          pageSize={data.pageSize}
          total={data.total}
          of="recording"
          onPage={(next) => setFilters({ ...filters, page: next })}
        />
      )}
      {creating && <CreateDialog project={filters.project} onClose={() => setCreating(false)} />}
    </>
  )
}

function Filters({ filters, onChange }: { filters: RecordingFilters; onChange: (filters: RecordingFilters) => void }) {
  const projects = useAllProjects()
  const active = Boolean(filters.status || filters.project || filters.q)

  function change(name: 'status' | 'project' | 'q', value: string) {
    const next: RecordingFilters = { ...filters, page: 1 }
    if (value === '') delete next[name]
    else next[name] = value
    onChange(next)
  }

  return (
    <div className="filters" role="search" aria-label="Filter recordings">
      <FilterText label="Filter by title or project" value={filters.q ?? ''} onChange={(value) => change('q', value)} />
      <label>
        <span className="sr-only">Status</span>
        <select value={filters.status ?? ''} onChange={(event) => change('status', event.target.value)}>
          <option value="">Any status</option>
          {STATUSES.map((status) => (
            <option key={status}>{status}</option>
          ))}
        </select>
      </label>
      <label>
        <span className="sr-only">Project</span>
        <select value={filters.project ?? ''} onChange={(event) => change('project', event.target.value)}>
          <option value="">Any project</option>
          {projects.data?.items.map((project) => (
            <option key={project.id} value={project.id}>
              {project.name}
            </option>
          ))}
        </select>
      </label>
      {active && (
        <button type="button" className="button-quiet" onClick={() => onChange({ page: 1 })}>
          Clear filters
        </button>
      )}
    </div>
  )
}

function CreateDialog({ project, onClose }: { project: string | undefined; onClose: () => void }) {
  const [title, setTitle] = useState('')
  const [projectId, setProjectId] = useState(project ?? '')
  const projects = useAllProjects()
  const create = useCreateRecording()

  return (
    <Dialog
      title="New recording"
      submit="Create"
      onClose={onClose}
      onSubmit={() => create.mutate({ title: title.trim(), project_id: projectId || null })}
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
        Project
        <select value={projectId} onChange={(event) => setProjectId(event.target.value)}>
          <option value="">None</option>
          {projects.data?.items.map((one) => (
            <option key={one.id} value={one.id}>
              {one.name}
            </option>
          ))}
        </select>
      </label>
    </Dialog>
  )
}
