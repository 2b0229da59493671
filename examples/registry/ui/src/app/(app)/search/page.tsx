import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { FilterText, PageHead } from '@unstale-examples/ui/components/bits.tsx'
import { plural } from '@unstale-examples/ui/lib/format.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { useRepositoryNames } from '../../../hooks/use-names.ts'
import { search } from '../../../lib/queries.ts'
import { Table } from '../../Table.tsx'

export function SearchPage() {
  usePageTitle('Search')
  const [q, setQ] = useState('')
  const all = useRepositoryNames('repositories-all')
  const found = useQuery({ ...search(q), enabled: q !== '', placeholderData: keepPreviousData })
  return (
    <>
      <PageHead title="Search" lead={all.data && `In ${plural(all.data.length, 'repository', 'repositories')}.`} />
      <div className="filters" role="search">
        <FilterText label="Search" value={q} onChange={setQ} />
      </div>
      {q === '' ? (
        <Table query={all} empty="No repositories" columns={{ Repository: ({ id }) => id, Format: ({ format }) => format }} />
      ) : (
        <Table query={found} empty="Nothing found" columns={{ Repository: ({ id }) => id, Format: ({ format }) => format, Description: ({ description }) => description }} />
      )}
    </>
  )
}
