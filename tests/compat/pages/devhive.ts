export { queryClient } from '../clients/devhive/lib/queryClient'
export { cacheInvalidationService } from '../clients/devhive/services/cacheInvalidationService'
