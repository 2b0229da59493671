import { PageHead, Problem, Skeleton } from '@unstale-examples/ui/components/bits.tsx'
import { usePageTitle } from '@unstale-examples/ui/lib/router.tsx'
import { useMembership, usePeople, useProjectMembers } from '../hooks/useProjects.ts'

export function MembersPage({ project }: { project: string }) {
  usePageTitle('Members')
  const { data, error, refetch } = useProjectMembers(project)
  const people = usePeople()
  const membership = useMembership(project)
  const others = people.data?.filter(({ id }) => !data?.some((member) => member.id === id)) ?? []
  return (
    <>
      <PageHead title="Members" lead="Who may see this project. Who is removed is cut off at that commit." />
      <section className="card" aria-label="Members">
        {error ? (
          <Problem error={error} onRetry={() => void refetch()} />
        ) : !data ? (
          <Skeleton rows={3} />
        ) : (
          <ul className="plain-list members">
            {data.map((member) => (
              <li key={member.id} data-id={member.id}>
                <strong>{member.name}</strong> <span className="muted">{member.role}</span>
                {member.role !== 'owner' && (
                  <button
                    type="button"
                    className="button-quiet"
                    onClick={() => membership.mutate({ user: member.id, member: false })}
                  >
                    Remove {member.name}
                  </button>
                )}
              </li>
            ))}
          </ul>
        )}
      </section>
      <section className="card" aria-label="Others">
        <h2>Others</h2>
        <ul className="plain-list">
          {others.map((person) => (
            <li key={person.id}>
              <span>{person.name}</span>
              <button type="button" className="button-quiet" onClick={() => membership.mutate({ user: person.id, member: true })}>
                Add {person.name}
              </button>
            </li>
          ))}
        </ul>
      </section>
    </>
  )
}
