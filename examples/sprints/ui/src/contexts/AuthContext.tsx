/* Who is signed in, which project is open, and the live connection for the two. */

import type { Live } from '@unstale-examples/ui/live/live.tsx'
import { session } from '@unstale-examples/ui/lib/rest.ts'
import type { User } from '@unstale-examples/ui/lib/rest.ts'
import { createContext, useContext, useEffect, useMemo, useState } from 'react'
import type { ReactNode } from 'react'
import { forget } from '../lib/queryClient.ts'
import { cacheInvalidationService } from '../services/cacheInvalidationService.ts'

export interface Auth {
  user: User | null
  isAuthenticated: boolean
  currentProjectId: string | null
  openProject: (id: string | null) => void
  signedIn: (user: User) => void
  signedOut: () => void
  /** Null while nobody is signed in or no project is open. */
  live: Live | null
}

const AuthContext = createContext<Auth | null>(null)

/** The token that the backend gives; null when the session is over, and then nobody is signed in. */
async function accessToken(over: () => void): Promise<string | null> {
  const user = await session.get()
  if (!user) over()
  return user?.token ?? null
}

export function AuthProvider({ url, initial, children }: { url: string; initial: User | null; children: ReactNode }) {
  const [user, setUser] = useState(initial)
  const [currentProjectId, openProject] = useState<string | null>(null)
  const [live, setLive] = useState<Live | null>(null)
  const isAuthenticated = user !== null
  const userId = user?.id

  useEffect(() => {
    if (userId === undefined || currentProjectId === null) return
    const over = () => {
      cacheInvalidationService.disconnect()
      setUser(null)
      forget()
    }
    setLive(cacheInvalidationService.connect(url, currentProjectId, userId, () => accessToken(over)))
    return () => {
      cacheInvalidationService.disconnect()
      setLive(null)
    }
  }, [url, userId, currentProjectId])

  const value = useMemo<Auth>(
    () => ({
      user,
      isAuthenticated,
      currentProjectId,
      openProject,
      signedIn: setUser,
      signedOut: () => {
        cacheInvalidationService.disconnect()
        openProject(null)
        setUser(null)
        /* What one may see is none of the next one's business. */
        forget()
      },
      live,
    }),
    [user, isAuthenticated, currentProjectId, live],
  )
  return <AuthContext value={value}>{children}</AuthContext>
}

export function useAuth(): Auth {
  const auth = useContext(AuthContext)
  if (!auth) throw new Error('useAuth must be used within AuthProvider')
  return auth
}
