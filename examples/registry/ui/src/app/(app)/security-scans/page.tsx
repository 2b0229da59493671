import { useQuery } from '@tanstack/react-query'
import { PageHead, StatusChip } from '@unstale-examples/ui/components/bits.tsx'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useRepositoryNames } from '../../../hooks/use-names.ts'
import { useWrite } from '../../../hooks/use-admin-mutations.ts'
import { api } from '../../../lib/api.ts'
import { Choose } from '../../Choose.tsx'
import { Table } from '../../Table.tsx'

export function SecurityScansPage() {
  usePageTitle('Security scans')
  const names = useRepositoryNames('repositories-for-scan')
  const scans = useQuery({ queryKey: ['security-scans'], queryFn: ({ signal }) => api.scans.list({ pageSize: 100 }, signal).then(({ items }) => items) })
  const scan = useWrite((repository_id: string) => api.scans.create({ repository_id }), [['security-scans']])
  return (
    <>
      <PageHead title="Security scans" />
      <Choose label="Repository" names={names.data} submit="Scan" onChoose={(id) => scan.mutate(id)} />
      <Table
        query={scans}
        empty="Nothing was scanned"
        columns={{ Repository: ({ repository_id }) => repository_id, Status: ({ status }) => <StatusChip status={status} />, Critical: ({ critical }) => critical, High: ({ high }) => high }}
      />
    </>
  )
}
