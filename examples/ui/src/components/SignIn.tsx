/* Who is it? The backend of an example believes whoever says a name. */

import { useEffect, useState } from 'react'
import { session } from '../lib/rest.ts'
import type { User } from '../lib/rest.ts'

export function SignIn({ name, onUser }: { name: string; onUser: (user: User) => void }) {
  const [users, setUsers] = useState<{ login: string; name: string; role: string }[]>([])
  const [problem, setProblem] = useState('')

  useEffect(() => {
    session.users().then(setUsers, (error: unknown) => setProblem(String(error)))
  }, [])

  return (
    <main className="sign-in">
      <h1>{name}</h1>
      <p className="lead">Who are you?</p>
      {problem && <p role="alert">{problem}</p>}
      <ul>
        {users.map((user) => (
          <li key={user.login}>
            <button
              type="button"
              className="button"
              onClick={() => session.signIn(user.login).then(onUser, (error: unknown) => setProblem(String(error)))}
            >
              {user.name} <span className="muted">{user.role}</span>
            </button>
          </li>
        ))}
      </ul>
    </main>
  )
}

/** For the foot of the navigation. */
export function SignedIn({ user, onSignOut }: { user: User; onSignOut: () => void }) {
  return (
    <span className="signed-in">
      {user.name}
      <button type="button" className="button-quiet" onClick={() => session.signOut().then(onSignOut)}>
        Sign out
      </button>
    </span>
  )
}
