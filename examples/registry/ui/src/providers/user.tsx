import type { User } from '@unstale-examples/ui/lib/rest.ts'
import { createContext, useContext } from 'react'

export const UserContext = createContext<User | null>(null)

export function useIsAdmin(): boolean {
  return useContext(UserContext)?.role === 'admin'
}
