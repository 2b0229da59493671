export const api = {
  getWebSocketUrl: (path: string): string => `ws://${location.host}${path}`,
}
