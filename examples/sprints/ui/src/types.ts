export interface Project {
  id: string
  name: string
  description: string
  updated_at: number
}

export interface Sprint {
  id: string
  project_id: string
  name: string
  started: boolean
  updated_at: number
}

export interface Task {
  id: string
  project_id: string
  sprint_id: string | null
  title: string
  done: boolean
  updated_at: number
}

export interface Member {
  id: string
  name: string
  role: string
}

/** A project and all that its page shows at once. */
export interface Bundle extends Project {
  sprints: Sprint[]
  members: Member[]
}
