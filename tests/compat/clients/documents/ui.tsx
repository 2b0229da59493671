export interface Document {
  id: string
  [field: string]: unknown
}

export const ConnectionIndicator = () => <p id="connecting">Connecting...</p>
export const Table = ({ data }: { data: Document[] }) => <pre id="table">{JSON.stringify(data)}</pre>
export const ProgressBar = ({ value, max }: { value: number; max: number }) => <progress value={value} max={max} />
