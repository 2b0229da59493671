import { useQuery } from '@tanstack/react-query'
import { PageHead, StatusChip } from '@unstale-examples/ui/components/bits.tsx'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useRepositoryNames } from '../../../hooks/use-names.ts'
import { useWrite } from '../../../hooks/use-admin-mutations.ts'
import { api } from '../../../lib/api.ts'
import { Choose } from '../../Choose.tsx'
import { Table } from '../../Table.tsx'

export function ReplicationPage() {
  usePageTitle('Replication')
  const names = useRepositoryNames('repositories-list')
  const replications = useQuery({ queryKey: ['replications'], queryFn: ({ signal }) => api.replications.list({ pageSize: 100 }, signal).then(({ items }) => items) })
  const start = useWrite((repository_id: string) => api.replications.create({ repository_id, peer: 'lisbon', status: 'running' }), [['replications']])
  return (
    <>
      <PageHead title="Replication" lead="What other sites have a copy of." />
      <Choose label="Repository" names={names.data} submit="Replicate to lisbon" onChoose={(id) => start.mutate(id)} />
      <Table query={replications} empty="Nothing is replicated" columns={{ Repository: ({ repository_id }) => repository_id, To: ({ peer }) => peer, Status: ({ status }) => <StatusChip status={status} /> }} />
    </>
  )
}
