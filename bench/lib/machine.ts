/* The machine that the figures are of. */

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem } from 'node:os'

export interface Machine {
  cpu: string
  cores: number
  memory_gb: number
  kernel: string
  system: string
  compiler: string
  /** Of the minute before: figures of a busy machine are worth little. */
  busy: number
}

function line(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[1] ?? 'unknown'
}

function said(command: string, ...args: string[]): string {
  try {
    return execFileSync(command, args, { encoding: 'utf8' }).split('\n')[0] ?? ''
  } catch {
    return 'unknown'
  }
}

export function machine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory_gb: Math.round(totalmem() / 2 ** 30),
    kernel: `Linux ${release()}`,
    system: line(readFileSync('/etc/os-release', 'utf8'), /^PRETTY_NAME="?([^"\n]*)/m),
    compiler: said('cc', '--version'),
    busy: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  }
}
