export const EVENT_INVALIDATION_MAP: Record<string, string[][]> = {
  "user.created":     [["admin-users"], ["admin-stats"]],
  "user.updated":     [["admin-users"], ["admin-stats"]],
  "user.deleted":     [["admin-users"], ["admin-stats"]],
  "repository.created": [["repositories"], ["repositories-list"], ["recent-repositories"], ["admin-stats"]],
  "repository.deleted": [["repositories"], ["repositories-list"], ["recent-repositories"], ["admin-stats"]],
  "service-account.created": [["service-accounts"], ["admin-stats"]],
  // ... etc
};
