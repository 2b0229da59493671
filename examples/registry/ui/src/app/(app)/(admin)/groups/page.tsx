import { useQuery } from '@tanstack/react-query'
import { PageHead, TextDialog } from '@unstale-examples/ui/components/bits.tsx'
import { Icon } from '@unstale-examples/ui/components/Icon.tsx'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useState } from 'react'
import { AFTER_GROUPS, useWrite } from '../../../../hooks/use-admin-mutations.ts'
import { api } from '../../../../lib/api.ts'
import type { Group } from '../../../../lib/api.ts'
import { Table } from '../../../Table.tsx'

export function GroupsPage() {
  usePageTitle('Groups')
  const [creating, setCreating] = useState(false)
  const groups = useQuery({ queryKey: ['admin-groups'], queryFn: ({ signal }) => api.groups.list({ pageSize: 200 }, signal).then(({ items }) => items) })
  const users = useQuery({ queryKey: ['admin-users'], queryFn: ({ signal }) => api.users.list({ pageSize: 200 }, signal).then(({ items }) => items) })
  const create = useWrite((name: string) => api.groups.create({ name }), AFTER_GROUPS)
  const remove = useWrite(api.groups.delete, AFTER_GROUPS)
  const join = useWrite((one: { group_id: string; user_id: string }) => api.members.create(one), AFTER_GROUPS)
  const outside = ({ members }: Group) => users.data?.find(({ name }) => !members.split(', ').includes(name))
  return (
    <>
      <PageHead title="Groups">
        <button type="button" className="button button-primary" onClick={() => setCreating(true)}>
          <Icon name="plus" /> New group
        </button>
      </PageHead>
      <Table
        query={groups}
        empty="No groups"
        columns={{
          Group: ({ name }) => name,
          Members: ({ members }) => members,
          Add(group) {
            const next = outside(group)
            return (
              next && (
                <button type="button" className="button-quiet" onClick={() => join.mutate({ group_id: group.id, user_id: next.id })}>
                  Add {next.name}
                </button>
              )
            )
          },
        }}
        onDelete={({ id }) => remove.mutate(id)}
      />
      {creating && <TextDialog title="New group" label="Name" submit="Create" onClose={() => setCreating(false)} onText={(name) => create.mutate(name)} />}
    </>
  )
}
