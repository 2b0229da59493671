/* Which queries an event is about. */

export const EVENT_INVALIDATION_MAP: Record<string, string[][]> = {
  'user.created': [['admin-users'], ['admin-stats'], ['admin-groups']],
  'user.updated': [['admin-users'], ['admin-stats'], ['admin-groups']],
  'user.deleted': [['admin-users'], ['admin-stats'], ['admin-groups'], ['admin-permissions']],
  'repository.created': everyRepositoryKey(),
  'repository.updated': everyRepositoryKey(),
  'repository.deleted': [...everyRepositoryKey(), ['admin-permissions'], ['replications'], ['security-scans']],
  'service-account.created': [['service-accounts'], ['admin-stats']],
  'service-account.updated': [['service-accounts'], ['admin-stats']],
  'service-account.deleted': [['service-accounts'], ['admin-stats']],
  'group.created': [['admin-groups'], ['admin-stats']],
  'group.updated': [['admin-groups'], ['admin-users'], ['admin-permissions'], ['admin-stats']],
  'group.deleted': [['admin-groups'], ['admin-users'], ['admin-permissions'], ['admin-stats']],
  'group-member.created': [['admin-groups'], ['admin-users'], ['admin-permissions']],
  'group-member.updated': [['admin-groups'], ['admin-users'], ['admin-permissions']],
  'group-member.deleted': [['admin-groups'], ['admin-users'], ['admin-permissions']],
  'permission.created': [['admin-permissions'], ['admin-stats']],
  'permission.updated': [['admin-permissions']],
  'permission.deleted': [['admin-permissions'], ['admin-stats']],
  'replication.created': [['replications']],
  'replication.updated': [['replications']],
  'replication.deleted': [['replications']],
  'scan.created': [['security-scans'], ['dt-status']],
  'scan.updated': [['security-scans'], ['dt-status']],
  'scan.deleted': [['security-scans'], ['dt-status']],
  'quality-gate.created': [['quality-gates'], ['quality-health-dashboard']],
  'quality-gate.updated': [['quality-gates'], ['quality-health-dashboard']],
  'quality-gate.deleted': [['quality-gates'], ['quality-health-dashboard']],
  'backup.created': [['backups']],
  'backup.updated': [['backups']],
  'backup.deleted': [['backups']],
}

function everyRepositoryKey(): string[][] {
  return [
    ['repositories'],
    ['repositories-list'],
    ['recent-repositories'],
    ['admin-stats'],
    ['repositories-for-scan'],
    ['repositories-all'],
    ['quality-health-dashboard'],
  ]
}
