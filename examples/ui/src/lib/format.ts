const dateTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })
const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' })
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const whole = new Intl.NumberFormat('en')

const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
]

export function ago(time: number, now = Date.now()): string {
  const past = time - now
  for (const [unit, milliseconds] of UNITS) {
    if (Math.abs(past) >= milliseconds) return relative.format(Math.round(past / milliseconds), unit)
  }
  return 'just now'
}

export function duration(seconds: number): string {
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = String(Math.floor(seconds % 60)).padStart(2, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

export function hours(seconds: number): string {
  const count = seconds / 3600
  return `${count < 10 ? count.toFixed(1) : whole.format(Math.round(count))} h`
}

export function bytes(count: number): string {
  if (count < 1000) return `${count} B`
  for (const unit of ['kB', 'MB', 'GB']) {
    count /= 1000
    if (count < 999.5 || unit === 'GB') return `${count < 10 ? count.toFixed(1) : Math.round(count)} ${unit}`
  }
  return ''
}

export const number = (count: number) => whole.format(count)
export const plural = (count: number, one: string, many = `${one}s`) => `${number(count)} ${count === 1 ? one : many}`
export const fullTime = (time: number) => dateTime.format(time)
export const timeOfDay = (time: number) => clock.format(time)
export const shortDay = (iso: string) => day.format(new Date(`${iso}T12:00:00Z`))
