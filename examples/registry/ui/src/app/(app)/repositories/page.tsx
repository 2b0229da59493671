import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { FilterText, PageHead, Pagination, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { bytes, number } from '@unstale-examples/ui/lib/format.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { useCreateRepository, useDeleteRepository } from '../../../hooks/use-repository-mutations.ts'
import { api } from '../../../lib/api.ts'
import { Table } from '../../Table.tsx'

export function RepositoriesPage() {
  usePageTitle('Repositories')
  const [filters, setFilters] = useState({ page: 1, q: '' })
  const [creating, setCreating] = useState(false)
  const list = useQuery({
    queryKey: ['repositories', filters],
    queryFn: ({ signal }) => api.repositories.list(filters, signal),
    placeholderData: keepPreviousData,
  })
  const create = useCreateRepository()
  const remove = useDeleteRepository()
  const { data, error, refetch } = list
  return (
    <>
      <PageHead title="Repositories" lead="What is stored here, and how it is doing.">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New repository
        </button>
      </PageHead>
      <div className="filters" role="search" aria-label="Filter repositories">
        <FilterText label="Filter by name or description" value={filters.q} onChange={(q) => setFilters({ page: 1, q })} />
      </div>
      <Table
        query={{ data: data?.items, error, refetch: refetch as never }}
        empty="No repositories here"
        columns={{
          Repository: ({ id }) => id,
          Format: ({ format }) => format,
          Kind: ({ kind }) => kind,
          Description: ({ description }) => description,
          Artifacts: ({ artifacts }) => number(artifacts),
          Size: ({ size_bytes }) => bytes(size_bytes),
          Health: ({ health }) => `${health} %`,
        }}
        onDelete={({ id }) => remove.mutate(id)}
      />
      {data && <Pagination page={filters.page} pageSize={data.pageSize} total={data.total} of="repository" onPage={(page) => setFilters({ ...filters, page })} />}
      {creating && <TextDialog title="New repository" label="Name" submit="Create" onClose={() => setCreating(false)} onText={(id) => create.mutate({ id })} />}
    </>
  )
}
