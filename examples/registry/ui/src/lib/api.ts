/* The rows as the backend sends them, and its routes. Times are ms since 1970. */

import { call, resource } from '@unstale-examples/ui/lib/rest.ts'

export interface Repository {
  id: string
  format: string
  kind: string
  description: string
  artifacts: number
  size_bytes: number
  health: number
  updated_at: number
}

export interface AdminUser {
  id: string
  login: string
  name: string
  role: string
  groups: string
  updated_at: number
}

export interface Group {
  id: string
  name: string
  members: string
  updated_at: number
}

export interface Member {
  id: string
  group_id: string
  user_id: string
  user_name: string
}

export interface Permission {
  id: string
  group_id: string
  group_name: string
  repository_id: string
  may: string
  people: number
}

export interface ServiceAccount {
  id: string
  name: string
  enabled: number
  updated_at: number
}

export interface Replication {
  id: string
  repository_id: string
  peer: string
  status: string
  updated_at: number
}

export interface Scan {
  id: string
  repository_id: string
  status: string
  critical: number
  high: number
  updated_at: number
}

export interface QualityGate {
  id: string
  name: string
  least_health: number
  updated_at: number
}

export interface Backup {
  id: string
  status: string
  size_bytes: number
  created_at: number
}

export interface AdminStats {
  users: number
  groups: number
  service_accounts: number
  repositories: number
  permissions: number
  artifacts: number
  size_bytes: number
}

export interface HealthDashboard {
  overall: { repositories: number; health: number }
  gates: { id: string; name: string; least_health: number; below: number }[]
  worst: Pick<Repository, 'id' | 'format' | 'health' | 'updated_at'>[]
}

type Signal = AbortSignal | undefined
const get = <T>(path: string, signal: Signal, query: Record<string, string> = {}) => call<T>('GET', path, { query, ...(signal && { signal }) })

export const api = {
  repositories: resource<Repository>('repositories'),
  recentRepositories: (signal?: Signal) => get<Repository[]>('/api/recent-repositories', signal),
  /** Every page that lets somebody choose a repository asks for the names by itself; `use` says which one asked. */
  repositoryNames: (use: string, signal?: Signal) => get<{ id: string; format: string }[]>('/api/repository-names', signal, { use }),
  search: (q: string, signal?: Signal) => get<Repository[]>('/api/search', signal, { q }),
  stats: (signal?: Signal) => get<AdminStats>('/api/admin/stats', signal),
  users: resource<AdminUser>('admin/users'),
  groups: resource<Group>('admin/groups'),
  members: resource<Member>('admin/members'),
  permissions: resource<Permission>('admin/permissions'),
  serviceAccounts: resource<ServiceAccount>('admin/service-accounts'),
  replications: resource<Replication>('replications'),
  scans: resource<Scan>('scans'),
  qualityGates: resource<QualityGate>('quality-gates'),
  healthDashboard: (signal?: Signal) => get<HealthDashboard>('/api/quality/health-dashboard', signal),
  dependencyTrack: (signal?: Signal) => get<{ status: string; findings_of: number }>('/api/dependency-track/status', signal),
  monitoring: (signal?: Signal) => get<{ measured_at: number; scans_waiting: number; replications_failed: number }>('/api/admin/monitoring', signal),
  backups: resource<Backup>('admin/backups'),
}
