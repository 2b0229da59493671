export const env = { PUBLIC_SERVER_URL: '', PUBLIC_SERVER_API_PATH: '/api' }
