"""The specs of the tests' machines: as prod-pg01's, but small, and of what Debian 12 and 13 have themselves."""

from __future__ import annotations

BASE = """\
postgres: {major}
connect: {{ssh: {{host: pg01}}}}
settings:
  data_directory: /mnt/data/pg01
  listen_addresses: '*'
  max_connections: 50
  shared_buffers: 64MB
  work_mem: 8MB
  log_min_duration_statement: 250ms
  logging_collector: on
ident:
  - {{map: admins, system: root, role: postgres}}
hba:
  - {{type: local, database: all, user: postgres, method: peer}}
  - {{type: local, database: all, user: all, method: peer}}
  - {{type: host, database: all, user: all, address: 127.0.0.1/32, method: scram-sha-256}}
  - {{type: host, database: all, user: all, address: ::1/128, method: scram-sha-256}}
  - {{type: host, database: all, user: postgres, address: all, method: reject}}
  - {{type: hostssl, database: all, user: all, address: 172.16.0.0/12, method: scram-sha-256}}
roles:
  postgres: {{superuser: true, login: true, password: {{env: PG01_POSTGRES_PASSWORD}}}}
  postgres_exporter: {{login: true, password: {{env: PG01_EXPORTER_PASSWORD}}, member_of: [pg_monitor]}}
  app: {{login: true, password: {{env: PG01_APP_PASSWORD}}}}
databases:
  shop:
    owner: app
    grants: [{{revoke: [CONNECT, TEMPORARY], on: database, from: [PUBLIC]}}]
host:
  packages: {{source: {source}}}
  cluster: {{free: 100MB}}
  kernel: {{huge_pages: true, transparent_huge_pages: never, sysctl: {{vm.swappiness: 1}}}}
  limits: {{open_files: 16384, oom_score: -900}}
  time_zone: Etc/UTC
  locale: en_US.UTF-8
  time_sync: chrony
  tls: {{self_signed: true, names: [pg01.example.org, 127.0.0.1]}}
  exporter: {{login: {login}, listen: '{listen}'}}
  firewall: {{ssh: [172.16.0.0/12], postgres: [172.16.0.0/12], exporter: [172.16.0.0/12]}}
  keep_logs: 14d
  deployment: {{within: 15min}}
"""


VM = """\
vm:
  proxmox: {{host: pve, user: pgdeploy@pve, token: gate, secret: {{env: PG01_TOKEN}}}}
  id: 2002
  name: prod-pg01
  node: pve1
  template: 9000
  sockets: 2
  cores: 4
  memory: 48GB
  disks:
    scsi0: {{storage: local-zfs, size: 32GB}}
    scsi1: {{storage: local-zfs, size: {size}, mount: /mnt/data}}
  network: {{bridge: vmbr0, address: 10.25.20.8/24, gateway: 10.25.20.1}}
  cloud_init: {{ssh_keys: [id_ed25519.pub]}}
"""


def vm(size: str = "250GB") -> str:
    """The section `vm:`, with a disk for the data."""
    return VM.format(size=size)


def pg15(source: str = "distribution") -> str:
    """Debian 12's own PostgreSQL; the exporter comes in by a password, and listens to the network."""
    return BASE.format(major=15, source=source, login="password", listen="0.0.0.0:9187")


def pg17(source: str = "distribution") -> str:
    """Debian 13's own; the exporter comes in by peer, and listens to the host alone."""
    return BASE.format(major=17, source=source, login="peer", listen="127.0.0.1:9187")


BACKUP = """\
backup:
  engine: pgbackrest
  repositories: [{passphrase: {env: PG01_BACKUP_PASSPHRASE}}]
  schedule: {full: weekly, incremental: hourly}
  invariants: {shop: [{sql: SELECT count(*) FROM app.orders, at_least: 100}]}
"""
"""pgBackRest with a repository on the host."""
