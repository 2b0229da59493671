/* Keys as oRPC makes them. */
const operation = (...path: string[]) => ({
  queryOptions: (options: { input: object }) => ({ queryKey: [path, { input: options.input, type: 'query' }] }),
})

export const apiClient = {
  podcasts: { get: operation('podcasts', 'get'), list: operation('podcasts', 'list') },
  documents: { get: operation('documents', 'get'), list: operation('documents', 'list') },
}
