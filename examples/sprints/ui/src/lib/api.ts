/* The backend's REST routes. */

import { call } from '@unstale-examples/ui/lib/rest.ts'
import type { Bundle, Member, Project, Sprint, Task } from '../types.ts'

const at = (collection: string, id: string, rest = '') => `/api/${collection}/${encodeURIComponent(id)}${rest}`

export const projectService = {
  getProjects: (signal: AbortSignal) => call<Project[]>('GET', '/api/projects', { signal }),
  getProject: (id: string, signal: AbortSignal) => call<Project>('GET', at('projects', id), { signal }),
  getBundle: (id: string, signal: AbortSignal) => call<Bundle>('GET', at('projects', id, '/bundle'), { signal }),
  rename: (id: string, name: string) => call<Project>('PATCH', at('projects', id), { body: { name } }),
  getMembers: (id: string, signal: AbortSignal) => call<Member[]>('GET', at('projects', id, '/members'), { signal }),
  getPeople: (signal: AbortSignal) => call<{ id: string; name: string }[]>('GET', '/api/people', { signal }),
  addMember: (id: string, user: string) => call<void>('POST', at('projects', id, '/members'), { body: { user } }),
  removeMember: (id: string, user: string) => call<void>('DELETE', at('memberships', id), { query: { user } }),
}

export const sprintService = {
  getSprints: (project: string, signal: AbortSignal) => call<Sprint[]>('GET', at('projects', project, '/sprints'), { signal }),
  getSprint: (id: string, signal: AbortSignal) => call<Sprint>('GET', at('sprints', id), { signal }),
  create: (project: string, name: string) => call<void>('POST', at('projects', project, '/sprints'), { body: { name } }),
}

export const taskService = {
  getTasks: (project: string, signal: AbortSignal) => call<Task[]>('GET', at('projects', project, '/tasks'), { signal }),
  getSprintTasks: (sprint: string, signal: AbortSignal) => call<Task[]>('GET', at('sprints', sprint, '/tasks'), { signal }),
  getTask: (id: string, signal: AbortSignal) => call<Task>('GET', at('tasks', id), { signal }),
  create: (project: string, title: string, sprint?: string) =>
    call<void>('POST', at('projects', project, '/tasks'), { body: { title, sprint: sprint ?? '' } }),
  update: (id: string, fields: { done?: boolean; title?: string }) => call<Task>('PATCH', at('tasks', id), { body: fields }),
  delete: (id: string) => call<void>('DELETE', at('tasks', id)),
}
