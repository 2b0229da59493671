export const authClient = {
  useSession: (): { data: { user: { id: string } } | null } => ({ data: { user: { id: '7' } } }),
}
