import { useQuery } from '@tanstack/react-query'
import { PageHead } from '@unstale-examples/ui/components/bits.tsx'
import { plural } from '@unstale-examples/ui/lib/format.ts'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { AFTER_PERMISSIONS, useWrite } from '../../../../hooks/use-admin-mutations.ts'
import { api } from '../../../../lib/api.ts'
import { Table } from '../../../Table.tsx'

export function PermissionsPage() {
  usePageTitle('Permissions')
  const permissions = useQuery({ queryKey: ['admin-permissions'], queryFn: ({ signal }) => api.permissions.list({ pageSize: 500 }, signal).then(({ items }) => items) })
  const remove = useWrite(api.permissions.delete, AFTER_PERMISSIONS)
  return (
    <>
      <PageHead title="Permissions" lead="Which group may do what, and how many people that is." />
      <Table
        query={permissions}
        empty="Nobody may do anything"
        columns={{ Group: ({ group_name }) => group_name, People: ({ people }) => plural(people, 'person', 'people'), May: ({ may }) => may, Repository: ({ repository_id }) => repository_id }}
        onDelete={({ id }) => remove.mutate(id)}
      />
    </>
  )
}
