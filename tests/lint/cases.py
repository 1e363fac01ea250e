"""For each rule a spec that it speaks of, and what to replace so that it does not.

In the spec, `#!` ends the line that the advice must point at; what has no line of its own points at
what is around it. `HEAD` stands before every spec that does not say its version.
"""

from __future__ import annotations

from typing import NamedTuple

HEAD = "postgres: 16\nmachine: {memory: 48GB, cores: 8}\n"

TODAY = "2026-06-15"
"""The day on which all of this is read."""


STORE = "s3: {bucket: kept, endpoint: s3.example.org, region: x, key: {env: K}, secret: {env: S}}"
STORE_BLOCK = STORE
CLUSTER = """\
connect: {ssh: {host: pg01}}
host: {}
databases: {shop: {owner: app}}
roles: {app: {login: true, password: {env: APP_PASSWORD}}}
backup:
  engine: pgbackrest
  repositories: [{S3, passphrase: {env: P}}]
  invariants: {shop: [{sql: SELECT 1, returns: 1}]}
"""


SERVICE = """\
services:
  project: shop
  containers:
    cache:
      kind: redis
      image: redis:8.0.1
      digest: sha256:0000000000000000000000000000000000000000000000000000000000000000
      password: {env: CACHE_PASSWORD}
      ports: ['127.0.0.1:6379']
      memory: 256MB
      settings: {maxmemory: 200mb}
"""


class Case(NamedTuple):
    rule: str
    address: str
    spec: str
    old: str
    new: str
    says: str
    """A part of the message."""


BASE = """\
roles:
  app: {login: true, password: {env: APP_PASSWORD}}
  readers: {}
databases:
  shop:
    owner: app
    grants:
      - {grant: [CREATE], on: database, to: [readers]}
      - {grant: [TEMPORARY], on: database, to: [readers]}
"""
"""What a spec may extend."""

# What a rule about a network needs so that the rules about TLS are content.
BACKUP = """\
databases: {shop: {owner: app}}
roles: {app: {login: true, password: {env: APP_PASSWORD}}}
backup:
  repository: {path: /srv/kept}
  encryption: {recipients: [age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p]}
  invariants: {shop: [{sql: SELECT 1, returns: 1}]}
"""
"""Backups of which nothing is to be said."""

NET = """\
settings: {ssl: on, listen_addresses: '10.0.0.8'}
"""

# A VM of which nothing is to be said.
VM = """\
postgres: 16
vm:
  proxmox: {host: node04, user: pgdeploy@pve, token: deploy, secret: {env: TOKEN}}
  id: 2002
  name: pg01
  node: node04
  template: 9000
  cores: 8
  memory: 48GB
  disks:
    scsi0: {storage: local-zfs, size: 32GB}
    scsi1: {storage: local-zfs, size: 250GB, mount: /mnt/data}
  network: {bridge: vmbr0, address: 10.0.0.8/24}
  cloud_init: {ssh_keys: [~/.ssh/id_ed25519.pub]}
  onboot: true
  protection: true
settings:
  data_directory: /mnt/data/pg01
  shared_buffers: 12GB
"""


def vm(old: str, new: str) -> str:
    assert old in VM, old
    return VM.replace(old, new)


CASES = (
    # -- the virtual machine ---------------------------------------------------------------------------
    Case(
        "PGD001",
        "vm[balloon]",
        vm("  onboot: true\n", "  onboot: true\n  balloon: 8GB #!\n"),
        "balloon: 8GB",
        "balloon: 16GB",
        "shrunk to 8GB, and PostgreSQL holds 12GB of shared_buffers; write `balloon: false`",
    ),
    Case(
        "PGD001",
        "vm[balloon]",
        vm("  onboot: true\n", "  onboot: true\n  balloon: 11GB #!\n") + "  huge_pages: on\n",
        "balloon: 11GB",
        "balloon: false",
        "shared_buffers, in huge pages that cannot be swapped",
    ),
    Case(
        "PGD002",
        "vm[onboot]",
        vm("  onboot: true\n", "").replace("vm:\n", "vm: #!\n"),
        "  protection: true",
        "  protection: true\n  onboot: true",
        "`onboot:` is not written, and off by default",
    ),
    Case(
        "PGD002",
        "vm[onboot]",
        vm("onboot: true", "onboot: false #!"),
        "onboot: false",
        "onboot: true",
        "`onboot: false` is written: after its node it stays down",
    ),
    Case(
        "PGD003",
        "vm[protection]",
        vm("protection: true", "protection: false #!"),
        "protection: false",
        "protection: true",
        "one request removes the VM and its data",
    ),
    Case(
        "PGD003",
        "vm[protection]",
        vm("  protection: true\n", "").replace("vm:\n", "vm: #!\n"),
        "  onboot: true",
        "  onboot: true\n  protection: true",
        "write `protection: true`",
    ),
    Case(
        "PGD004",
        "vm[disks]",
        vm("  data_directory: /mnt/data/pg01\n", "").replace("disks:\n", "disks: #!\n"),
        "settings:\n",
        "settings:\n  data_directory: /mnt/data\n",
        "/var/lib/postgresql/16/main is on scsi0, the disk of the system",
    ),
    Case(
        "PGD004",
        "vm[disks]",
        vm("/mnt/data/pg01", "/mnt/database/pg01 #!"),
        "mount: /mnt/data",
        "mount: /mnt/database",
        "/mnt/database/pg01 is on scsi0",
    ),
    # -- memory ----------------------------------------------------------------------------------------
    Case(
        "PGD101",
        "setting[work_mem]",
        """\
settings:
  max_connections: 200
  shared_buffers: 12GB
  maintenance_work_mem: 2GB
  work_mem: 256MB #!
""",
        "256MB",
        "64MB",
        "max_connections 200 x work_mem 256MB x hash_mem_multiplier 2 = 100GB",
    ),
    Case(
        "PGD101",
        "setting[work_mem]",
        """\
postgres: 14
machine: {memory: 48GB}
settings: #!
  max_connections: 1000
  shared_buffers: 12GB
  autovacuum_work_mem: 12GB
""",
        "autovacuum_work_mem: 12GB",
        "autovacuum_work_mem: 10GB",
        "autovacuum_max_workers 3 x autovacuum_work_mem 12GB = 36GB",
    ),
    Case(
        "PGD102",
        "setting[shared_buffers]",
        "settings:\n  shared_buffers: 20GB #!\n",
        "20GB",
        "19GB",
        "20GB is 42% of 48GB",
    ),
    Case(
        "PGD103",
        "setting[effective_cache_size]",
        "settings:\n  Effective_Cache_Size: 49GB #!\n",
        "49GB",
        "48GB",
        "49GB is more than the machine's 48GB",
    ),
    Case(
        "PGD104",
        "role[analyst]",
        """\
settings: {max_connections: 100}
roles:
  analyst:
    login: true
    connection_limit: 10
    settings:
      work_mem: 3GB #!
""",
        "connection_limit: 10",
        "connection_limit: 5",
        "10 sessions x work_mem 3GB",
    ),
    Case(
        "PGD104",
        "database[warehouse]",
        """\
roles: {owner: {login: true}}
databases:
  warehouse:
    owner: owner
    settings:
      work_mem: 1GB #!
""",
        "1GB",
        "100MB",
        "100 sessions",
    ),
    Case(
        "PGD105",
        "machine[memory]",
        "postgres: 16\nmachine: {cores: 8} #!\nsettings: {work_mem: 64MB}\n",
        "{cores: 8}",
        "{cores: 8, memory: 48GB}",
        "work_mem cannot be judged",
    ),
    Case(
        "PGD105",
        "machine[memory]",
        "postgres: 16\nmachine:\n  memory: lots #!\n",
        "lots",
        "48GB",
        "'lots', which is no size",
    ),
    Case(
        "PGD105",
        "machine[memory]",
        "postgres: 16 #!\nroles: {app: {login: true, settings: {work_mem: 64MB}}}\n",
        "settings: {work_mem: 64MB}",
        "settings: {}",
        "work_mem cannot be judged",
    ),
    # -- durability ------------------------------------------------------------------------------------
    Case("PGD201", "setting[fsync]", "settings:\n  fsync: off #!\n", "off", "on", "corrupt"),
    Case(
        "PGD202", "setting[full_page_writes]", "settings:\n  full_page_writes: off #!\n", "off", "on", "torn"
    ),
    Case("PGD203", "setting[autovacuum]", "settings:\n  autovacuum: off #!\n", "off", "on", "bloat"),
    Case(
        "PGD204",
        "setting[synchronous_commit]",
        "settings:\n  synchronous_commit: off #!\n",
        "off",
        "local",
        "can lose transactions",
    ),
    Case(
        "PGD204",
        "role[loader]",
        """\
roles:
  loader:
    login: true
    settings:
      synchronous_commit: off #!
""",
        "commit: off",
        "commit: on",
        "can lose transactions",
    ),
    # -- wal -------------------------------------------------------------------------------------------
    Case(
        "PGD211",
        "setting[max_wal_size]",
        "settings:\n  checkpoint_timeout: 30min\n  max_wal_size: 5GB #!\n",
        "5GB",
        "6GB",
        "write at least 6GB",
    ),
    Case(
        "PGD212",
        "setting[min_wal_size]",
        "settings:\n  min_wal_size: 2GB #!\n  max_wal_size: 1GB\n",
        "max_wal_size: 1GB",
        "max_wal_size: 8GB",
        "min_wal_size 2GB is above max_wal_size 1GB",
    ),
    Case(
        "PGD213",
        "setting[wal_level]",
        "settings:\n  wal_level: minimal #!\n  archive_mode: off\n",
        "archive_mode: off",
        "max_wal_senders: 0",
        "will not start with max_wal_senders 10",
    ),
    Case(
        "PGD213",
        "setting[wal_level]",
        "postgres: 17\nsettings:\n  wal_level: minimal #!\n  max_wal_senders: 0\n  summarize_wal: on\n",
        "summarize_wal: on",
        "summarize_wal: off",
        "will not start with summarize_wal on",
    ),
    Case(
        "PGD214",
        "setting[wal_level]",
        """\
settings:
  wal_level: minimal #!
  max_wal_senders: 0
roles:
  standby: {login: true, replication: true}
""",
        "replication: true",
        "replication: false",
        "though there is standby",
    ),
    Case(
        "PGD215",
        "setting[archive_mode]",
        "settings:\n  archive_mode: on #!\n  archive_command: ''\n",
        "archive_command: ''",
        "archive_command: 'test ! -f /backup/%f && cp %p /backup/%f'",
        "the disk will fill up",
    ),
    # -- workers ---------------------------------------------------------------------------------------
    Case(
        "PGD301",
        "setting[max_parallel_workers]",
        "settings:\n  max_worker_processes: 4\n  max_parallel_workers: 6 #!\n",
        "max_parallel_workers: 6",
        "max_parallel_workers: 4",
        "6 is more than max_worker_processes 4",
    ),
    Case(
        "PGD302",
        "setting[max_parallel_workers_per_gather]",
        "settings:\n  max_parallel_workers_per_gather: 9 #!\n",
        "9",
        "8",
        "9 is more than max_parallel_workers 8",
    ),
    Case(
        "PGD303",
        "setting[max_parallel_workers]",
        """\
settings:
  max_parallel_workers: 1 #!
  max_parallel_workers_per_gather: 1
""",
        "_per_gather: 1",
        "_per_gather: 1\n  max_parallel_maintenance_workers: 1",
        "max_parallel_maintenance_workers 2 is more than max_parallel_workers 1",
    ),
    Case(
        "PGD304",
        "setting[max_worker_processes]",
        "settings:\n  max_worker_processes: 16 #!\n",
        "16",
        "8",
        "16 processes on 8 cores",
    ),
    # -- access ----------------------------------------------------------------------------------------
    Case(
        "PGD401",
        "setting[listen_addresses]",
        "settings:\n  listen_addresses: '*' #!\n",
        "'*'",
        "'127.0.0.1, 10.0.0.8'",
        "no `hba:` narrows it",
    ),
    Case(
        "PGD401",
        "setting[listen_addresses]",
        "settings:\n  listen_addresses: 'localhost, ::' #!\n",
        "'localhost, ::' #!",
        "'localhost, ::'\nhba: [{type: local, database: all, user: all, method: peer}]",
        "listens on every address",
    ),
    Case(
        "PGD402",
        "hba[hostssl all all 0.0.0.0/0]",
        """\
settings: {ssl: on, listen_addresses: '*'}
hba:
  - {type: local, database: all, user: all, method: peer}
  - {type: hostssl, database: all, user: all, address: 0.0.0.0/0, method: scram-sha-256} #!
""",
        "0.0.0.0/0",
        "10.0.0.0/8",
        "for any address",
    ),
    Case(
        "PGD402",
        "hba[hostssl all all all]",
        NET
        + """\
hba:
  - {type: hostssl, database: all, user: all, address: all, method: cert} #!
""",
        "'10.0.0.8'",
        "'127.0.0.1'",
        "cert for any address",
    ),
    Case(
        "PGD403",
        "hba[hostssl all app 10.1.0.0/16]",
        NET
        + """\
roles: {app: {login: true, password: {env: APP}}}
hba:
  - {type: hostssl, database: all, user: all, address: 10.0.0.0/8, method: scram-sha-256}
  - {type: hostssl, database: all, user: app, address: 10.1.0.0/16, method: reject} #!
""",
        "10.0.0.0/8",
        "10.2.0.0/16",
        "so scram-sha-256 holds and reject never does",
    ),
    Case(
        "PGD403",
        "hba[local all app]",
        """\
roles: {app: {login: true, member_of: [team]}, team: {}}
hba:
  - {type: local, database: all, user: +team, method: peer}
  - {type: local, database: all, user: app, method: peer} #!
""",
        "member_of: [team]",
        "member_of: []",
        "matches all of it first; move",
    ),
    Case(
        "PGD403",
        "hba[local samegroup,app b,a #2]",
        """\
roles: {a: {login: true}, b: {login: true}}
databases: {app: {}}
hba:
  - {type: local, database: [app, samerole], user: [a, b], method: peer}
  - {type: local, database: [samegroup, app], user: [b, a], method: reject} #!
""",
        "user: [a, b]",
        "user: [a]",
        "an earlier rule (local app,samerole a,b peer) matches all of it first, so peer holds and reject never does",
    ),
    Case(
        "PGD404",
        "role[postgres]",
        NET
        + """\
roles: {postgres: {login: true, superuser: true, password: {env: PG}}}
hba:
  - {type: host, database: all, user: postgres, address: 10.0.0.0/24, method: reject}
  - {type: hostssl, database: all, user: all, address: 10.0.0.0/16, method: scram-sha-256} #!
""",
        "10.0.0.0/24",
        "all",
        "comes in by hostssl all all 10.0.0.0/16",
    ),
    Case(
        "PGD404",
        "role[ops]",
        NET
        + """\
roles:
  postgres: {superuser: true}
  ops: {login: true, member_of: [postgres]}
hba:
  - {type: hostssl, database: all, user: ops, address: ops.example.org, method: cert} #!
""",
        "superuser: true",
        "superuser: false",
        "can become postgres",
    ),
    Case(
        "PGD405",
        "hba[local all backpu]",
        """\
roles: {backup: {login: true}}
hba:
  - {type: local, database: all, user: backpu, method: peer} #!
""",
        "user: backpu",
        "user: backup",
        "role backpu is not declared; did you mean backup?",
    ),
    Case(
        "PGD405",
        "hba[local shop all]",
        """\
hba:
  - {type: local, database: shop, user: all, method: peer} #!
""",
        "database: shop",
        "database: [sameuser, replication, postgres]",
        "database shop is not declared; declare it under databases:",
    ),
    Case(
        "PGD405",
        "ident[people: alice as backpu]",
        """\
roles: {backup: {login: true}}
ident:
  - {map: people, system: '/^(.*)@x', role: '\\1'}
  - {map: people, system: alice, role: backpu} #!
""",
        "role: backpu",
        "role: backup",
        "role backpu is not declared; did you mean backup?",
    ),
    # -- methods ---------------------------------------------------------------------------------------
    Case(
        "PGD411",
        "hba[local all all]",
        "hba:\n  - {type: local, database: all, user: all, method: trust} #!\n",
        "trust",
        "peer",
        "anybody may be any role",
    ),
    Case(
        "PGD412",
        "hba[host all all 127.0.0.1/32]",
        "hba:\n  - {type: host, database: all, user: all, address: 127.0.0.1/32, method: password} #!\n",
        "method: password",
        "method: scram-sha-256",
        "the password itself is sent",
    ),
    Case(
        "PGD413",
        "hba[host all all ::1/128]",
        "hba:\n  - {type: host, database: all, user: all, address: '::1/128', method: md5} #!\n",
        "md5",
        "scram-sha-256",
        "MD5",
    ),
    Case(
        "PGD414",
        "hba[host all all 127.0.0.1/32]",
        "hba:\n  - {type: host, database: all, user: all, address: 127.0.0.1/32, method: ident} #!\n",
        "type: host, database: all, user: all, address: 127.0.0.1/32",
        "type: local, database: all, user: all",
        "says who it is",
    ),
    Case(
        "PGD415",
        "hba[local all all]",
        """\
ident: [{map: admins, system: root, role: postgres}]
hba:
  - {type: local, database: all, user: all, method: peer, options: {map: admin}} #!
""",
        "map: admin}}",
        "map: admins}}",
        "the map admin has no line in the spec; did you mean admins?",
    ),
    Case(
        "PGD415",
        "hba[hostssl all all 10.1.0.0/16]",
        """\
settings: {ssl: on, listen_addresses: 10.1.0.1}
hba:
  - {type: hostssl, database: all, user: all, address: 10.1.0.0/16, method: cert, options: {map: people}} #!
""",
        "method: cert, options: {map: people}",
        "method: cert",
        "the map people has no line in the spec; write its lines under ident:",
    ),
    # -- tls -------------------------------------------------------------------------------------------
    Case(
        "PGD421",
        "setting[ssl]",
        """\
settings:
  ssl: off #!
hba:
  - {type: hostssl, database: all, user: all, address: 10.0.0.0/8, method: scram-sha-256}
""",
        "ssl: off",
        "ssl: on",
        "hostssl all all 10.0.0.0/8 can never match",
    ),
    Case(
        "PGD422",
        "hba[host all all 10.0.0.0/8]",
        "settings: {ssl: on}\n"
        "hba:\n  - {type: host, database: all, user: all, address: 10.0.0.0/8, method: scram-sha-256} #!\n",
        "type: host",
        "type: hostssl",
        "in clear from 10.0.0.0/8",
    ),
    Case(
        "PGD423",
        "connect[dsn]",
        "connect:\n  dsn: host=db.example.org user=deploy sslmode=disable #!\n",
        "sslmode=disable",
        "sslmode=verify-full",
        "sslmode=disable",
    ),
    Case(
        "PGD423",
        "connect[dsn]",
        "connect:\n  dsn: postgresql://deploy@db.example.org/postgres?sslmode=allow #!\n",
        "db.example.org",
        "localhost",
        "sslmode=allow",
    ),
    # -- passwords -------------------------------------------------------------------------------------
    Case(
        "PGD501",
        "setting[password_encryption]",
        "settings:\n  password_encryption: md5 #!\n",
        "md5",
        "scram-sha-256",
        "stored as MD5",
    ),
    Case(
        "PGD502",
        "role[app]",
        """\
roles:
  app: #!
    login: true
hba:
  - {type: local, database: all, user: postgres, method: peer}
  - {type: host, database: all, user: all, address: 127.0.0.1/32, method: scram-sha-256}
""",
        "login: true",
        "login: true\n    password: {env: APP}",
        "scram-sha-256",
    ),
    Case(
        "PGD502",
        "role[app]",
        """\
roles:
  app: #!
    login: true
  web: {login: true}
hba:
  - {type: local, database: all, user: web, method: peer}
  - {type: local, database: all, user: all, method: scram-sha-256}
""",
        "user: web",
        "user: [web, app]",
        "hba asks for its password (scram-sha-256)",
    ),
    Case(
        "PGD503",
        "role[guest]",
        "roles:\n  guest:\n    login: true\n    password: {env: GUEST}\n    valid_until: 2026-06-01 #!\n",
        "2026-06-01",
        "2026-07-01",
        "ended on 2026-06-01",
    ),
    Case(
        "PGD504",
        "role[service]",
        """\
roles:
  service:
    password: {env: SERVICE} #!
  member: {login: true, member_of: [service]}
""",
        "password: {env: SERVICE}",
        "login: true\n    password: {env: SERVICE}",
        "no `login: true`",
    ),
    Case(
        "PGD505",
        "setting[log_statement]",
        "settings:\n  log_statement: ddl #!\n",
        "ddl",
        "none",
        "ddl logs ALTER ROLE",
    ),
    Case(
        "PGD505",
        "setting[log_min_duration_statement]",
        "settings:\n  log_min_duration_statement: 0 #!\n",
        "0 #",
        "250ms #",
        "0 logs every statement",
    ),
    # -- privileges ------------------------------------------------------------------------------------
    Case(
        "PGD601",
        "grant[shop: SELECT on all tables in schema public to PUBLIC]",
        """\
roles: {readers: {}}
databases:
  shop:
    grants:
      - {grant: [USAGE], on: {schema: public}, to: [readers]}
      - {grant: [SELECT], on: {schema: public, all: tables}, to: [PUBLIC]} #!
""",
        "to: [PUBLIC]",
        "to: [readers]",
        "every role gets SELECT",
    ),
    Case(
        "PGD601",
        "grant[server: CREATE on tablespace fast to PUBLIC]",
        """\
roles: {readers: {}}
grants:
  - {grant: [CREATE], on: {tablespace: fast}, to: [readers]}
  - {grant: [CREATE], on: {tablespace: fast}, to: [PUBLIC]} #!
""",
        "\n  - {grant: [CREATE], on: {tablespace: fast}, to: [PUBLIC]} #!",
        "",
        "every role gets CREATE",
    ),
    Case(
        "PGD602",
        "default_privilege[shop: owner: SELECT on tables to PUBLIC]",
        """\
roles: {owner: {login: true}}
databases:
  shop:
    default_privileges:
      - {for: owner, grant: [SELECT], on: tables, to: [PUBLIC]} #!
""",
        "to: [PUBLIC]",
        "to: [owner]",
        "all future tables of owner",
    ),
    Case(
        "PGD603",
        "grant[shop: CONNECT on database to app]",
        """\
roles: {app: {login: true}}
databases:
  shop:
    grants:
      - {grant: [CONNECT], on: database, to: [app]} #!
""",
        "to: [app]} #!",
        "to: [app]}\n      - {revoke: [ALL], on: database, from: [PUBLIC]}",
        "CONNECT for app keeps nobody out",
    ),
    Case(
        "PGD604",
        "schema[shop: public]",
        """\
postgres: 14
roles: {owner: {login: true}}
databases:
  shop: #!
    owner: owner
""",
        "owner: owner",
        "owner: owner\n    grants: [{revoke: [CREATE], on: {schema: public}, from: [PUBLIC]}]",
        "PUBLIC may create there",
    ),
    Case(
        "PGD604",
        "schema[shop: public]",
        """\
postgres: 14
roles: {owner: {login: true}}
databases:
  shop: #!
    owner: owner
  branch:
    owner: owner
    from_template: shop
""",
        "postgres: 14",
        "postgres: 15",
        "PUBLIC may create there",
    ),
    # -- members ---------------------------------------------------------------------------------------
    Case(
        "PGD611",
        "membership[lead in team]",
        """\
roles:
  team: {}
  lead:
    login: true
    member_of:
      - {role: team, admin: true} #!
""",
        "admin: true",
        "admin: false",
        "lead may give team to anybody",
    ),
    Case(
        "PGD612",
        "role[ops]",
        "postgres: 15\nroles:\n  ops:\n    login: true\n    createrole: true #!\n",
        "postgres: 15",
        "postgres: 16",
        "it can become any role but a superuser",
    ),
    Case(
        "PGD613",
        "membership[etl in pg_execute_server_program]",
        "roles:\n  etl:\n    login: true\n    member_of:\n      - pg_execute_server_program #!\n",
        "pg_execute_server_program",
        "pg_read_all_data",
        "as good as superuser",
    ),
    Case(
        "PGD614",
        "role[others]",
        "undeclared:\n  roles: ignore #!\n",
        "ignore",
        "report",
        "roles that the spec does not name",
    ),
    Case(
        "PGD614",
        "database[others]",
        "undeclared:\n  databases: ignore #!\n",
        "ignore",
        "drift",
        "databases that the spec does not name",
    ),
    # -- backup ----------------------------------------------------------------------------------------
    Case(
        "PGD701",
        "default_privilege[shop]",
        """\
roles:
  app: {login: true}
  saver: {login: true, purpose: backup}
databases:
  shop:
    grants:
      - {grant: [CREATE], on: {schema: public}, to: [app]}
    default_privileges: #!
      - {for: app, in_schema: public, grant: [SELECT], on: sequences, to: [saver]}
""",
        "to: [saver]}",
        "to: [saver]}\n      - {for: app, grant: [ALL], on: tables, to: [saver]}",
        "saver cannot read tables that are made by app in schema public",
    ),
    Case(  # the owner of the database owns public
        "PGD701",
        "default_privilege[shop]",
        """\
roles:
  app: {login: true}
  readers: {}
  saver: {login: true, purpose: backup, member_of: [readers]}
databases:
  shop:
    owner: app
    default_privileges: #!
      - {for: app, in_schema: public, grant: [SELECT], on: sequences, to: [readers]}
""",
        "on: sequences, to: [readers]}",
        "on: sequences, to: [readers]}\n"
        "      - {for: app, in_schema: public, grant: [SELECT], on: tables, to: [readers]}",
        "made by app in schema public",
    ),
    Case(  # a member of a group that may create; named at the template only
        "PGD701",
        "default_privilege[base]",
        """\
roles:
  app: {login: true, member_of: [makers]}
  makers: {}
  saver: {login: true, purpose: backup}
databases:
  base:
    grants:
      - {grant: [CREATE], on: {schema: public}, to: [makers]}
    default_privileges: #!
      - {for: makers, grant: [SELECT], on: tables, to: [saver]}
      - {for: [makers, app], grant: [SELECT], on: sequences, to: [saver]}
  shop:
    from_template: base
""",
        "{for: makers, ",
        "{for: [makers, app], ",
        "made by app in schema public, here and in its copies shop",
    ),
    Case(
        "PGD702",
        "default_privilege[shop]",
        """\
roles:
  postgres: {login: true, superuser: true}
  saver: {login: true, purpose: backup}
databases:
  shop:
    default_privileges: #!
      - {for: postgres, in_schema: public, grant: [SELECT], on: tables, to: [saver]}
""",
        "purpose: backup",
        "purpose: backup, member_of: [pg_read_all_data]",
        "saver cannot read sequences that are made by postgres in schema public",
    ),
    Case(
        "PGD703",
        "schema[shop: sky]",
        """\
roles:
  app: {}
  saver: {login: true, purpose: backup}
databases:
  shop:
    schemas:
      sky: {owner: app} #!
""",
        "sky: {owner: app} #!",
        "sky: {owner: app}\n    grants: [{grant: [USAGE], on: {schema: sky}, to: [saver]}]",
        "saver has no USAGE on it",
    ),
    Case(
        "PGD704",
        "database[shop]",
        """\
roles:
  saver: {login: true, purpose: backup}
databases:
  shop: #!
    grants:
      - {revoke: [CONNECT], on: database, from: [PUBLIC]}
""",
        "from: [PUBLIC]}",
        "from: [PUBLIC]}\n      - {grant: [CONNECT], on: database, to: [saver]}",
        "saver makes backups and has no CONNECT",
    ),
    Case(
        "PGD704",
        "role[saver]",
        """\
roles:
  saver: #!
    purpose: backup
    member_of: [pg_read_all_data]
""",
        "purpose: backup",
        "purpose: backup\n    login: true",
        "no `login: true`",
    ),
    # -- unused ----------------------------------------------------------------------------------------
    Case(
        "PGD751",
        "backup[repository]",
        BACKUP.replace("backup:\n", "backup: #!\n").replace("  encryption: ", "  # "),
        "  # {",
        "  encryption: {",
        "whoever can copy /srv/kept reads all of it",
    ),
    Case(
        "PGD752",
        "backup[repository]",
        BACKUP.replace("}\n  inv", ",\n    identity: {file: /srv/kept/key}} #!\n  inv"),
        "/srv/kept/key",
        "/srv/kept-key",
        "/srv/kept/key is in the repository",
    ),
    Case(
        "PGD753",
        "backup[restore]",
        BACKUP + "  retention: {days: 6} #!\n",
        "days: 6",
        "days: 7",
        "backups are kept for 6 days, and one is proved every 7d",
    ),
    Case(
        "PGD754",
        "backup[restore]",
        BACKUP.replace("backup:\n", "backup: #!\n").replace("{shop: [{sql: SELECT 1, returns: 1}]}", "{}"),
        "invariants: {}\n",
        "invariants: {shop: [{sql: SELECT 1, returns: 1}]}\n",
        "nothing says which rows must be in shop",
    ),
    Case(
        "PGD755",
        "backup[newest]",
        BACKUP + "  schedule: {backup: hourly} #!\n  recovery: {rpo: 60min}\n",
        "60min",
        "61min",
        "they are made hourly, and rpo is 60min",
    ),
    Case(
        "PGD753",
        "backup[restore]",
        CLUSTER.replace("S3, ", f"{STORE}, retention: {{days: 6}}, ").replace("}]\n  inv", "}] #!\n  inv"),
        "days: 6",
        "days: 7",
        "backups are kept for 6 days, and one is proved every 7d",
    ),
    Case(
        "PGD756",
        "backup[repository 1]",
        CLUSTER.replace("repositories: [", "repositories: [ #!\n    ").replace("S3", "path: /srv/kept"),
        "path: /srv/kept",
        STORE,
        "a host that is lost takes its backups along",
    ),
    Case(
        "PGD757",
        "backup[repository 1]",
        CLUSTER.replace("[{S3, passphrase: {env: P}}]", f"\n    - {STORE_BLOCK} #!\n"),
        "secret: {env: S}}",
        "secret: {env: S}}\n      passphrase: {env: P}",
        "whoever can read bucket kept reads all of the server",
    ),
    Case(
        "PGD758",
        "setting[archive_timeout]",
        CLUSTER.replace("S3", STORE) + "settings:\n  archive_timeout: 20min #!\n",
        "20min",
        "15min",
        "archive_timeout is 20min, and rpo is 15min",
    ),
    Case(
        "PGD801",
        "role[team]",
        "roles:\n  team: #!\n    connection_limit: 5\n  app:\n    login: true\n    member_of: []\n",
        "member_of: []",
        "member_of: [team]",
        "has no members",
    ),
    Case(
        "PGD802",
        "database[left]",
        """\
databases:
  left: #!
    is_template: true
  shop: {extensions: {hstore: {}}}
""",
        "shop: {",
        "shop: {from_template: left, ",
        "nobody owns it",
    ),
    # -- service ---------------------------------------------------------------------------------------
    Case(
        "PGD771",
        "service[cache]",
        SERVICE.replace("redis:8.0.1", "redis:latest-alpine #!"),
        "latest-alpine",
        "8.0.1-alpine",
        "redis:latest-alpine is another image tomorrow",
    ),
    Case(
        "PGD772",
        "service[cache]",
        SERVICE.replace("redis:8.0.1", "redis:8.0.1 #!").replace("digest:", "# "),
        "#  sha",
        "digest: sha",
        "redis:8.0.1 may change under its name",
    ),
    Case(
        "PGD773",
        "service[cache]",
        SERVICE.replace("'127.0.0.1:6379']", "'0.0.0.0:6379'] #!"),
        "0.0.0.0",
        "10.0.0.7",
        "0.0.0.0:6379 is open on every network of the host",
    ),
    Case(
        "PGD774",
        "service[cache]",
        SERVICE.replace("cache:\n", "cache: #!\n").replace("memory: 256MB", "cpus: 1.0"),
        "cpus: 1.0",
        "memory: 256MB",
        "may take all memory of its host",
    ),
    Case(
        "PGD775",
        "service[cache]",
        SERVICE.replace("200mb}", "220mb} #!"),
        "220mb",
        "204mb",
        "maxmemory is 220MB, and the container may have 256MB",
    ),
    Case(
        "PGD775",
        "service[cache]",
        SERVICE.replace("cache:\n", "cache: #!\n").replace("{maxmemory: 200mb}", "{}"),
        "settings: {}",
        "settings: {maxmemory: 100mb}",
        "not said, so it is as much as there is",
    ),
    # -- waivers ---------------------------------------------------------------------------------------
    Case(
        "PGD851",
        "spec[databases.shop.grants]",
        """\
extends: _base
databases:
  shop:
    grants: #!
      - {grant: [CONNECT], on: database, to: [readers]}
      - {revoke: [ALL], on: database, from: [PUBLIC]}
""",
        "databases:\n  shop:\n    grants: #!\n",
        "append:\n databases:\n  shop:\n    grants:\n",
        "replaces 2 lines of _base.yaml:7; to keep them, write what is new under `append:`",
    ),
    Case(
        "PGD851",
        "spec[databases.shop]",
        """\
extends: _base
databases: #!
  shop: null
  town:
    owner: app
    grants:
      - {grant: [CONNECT], on: database, to: [readers]}
      - {revoke: [ALL], on: database, from: [PUBLIC]}
""",
        "databases: #!\n  shop: null\n",
        "append: {databases: {shop: {grants: [{revoke: [ALL], on: database, from: [PUBLIC]}]}}}\ndatabases:\n",
        "replaces 4 lines of _base.yaml:5",
    ),
    Case(
        "PGD901",
        "waiver[PGD202 on setting[full_page_writes]]",
        """\
waivers:
  - {rule: PGD202, on: 'setting[full_page_writes]', reason: ZFS writes no torn pages, until: 2026-06-14} #!
settings: {full_page_writes: on}
""",
        "until: 2026-06-14} #!\nsettings: {full_page_writes: on}",
        "until: 2026-06-15} #!\nsettings: {full_page_writes: off}",
        "it held until 2026-06-14, and nothing is left that it spoke of",
    ),
    Case(
        "PGD902",
        "waiver[PGD202 on setting[full_page_writes]]",
        """\
waivers:
  - {rule: PGD202, on: 'setting[full_page_writes]', reason: ZFS writes no torn pages, until: 2026-06-15} #!
settings: {full_page_writes: on}
""",
        "writes: on}",
        "writes: off}",
        "PGD202 has nothing to say on setting[full_page_writes]",
    ),
    Case(
        "PGD903",
        "waiver[PGD22]",
        """\
waivers:
  - {rule: PGD22, reason: ZFS writes no torn pages, until: 2026-06-15} #!
settings: {full_page_writes: on}
""",
        "PGD22, reason: ZFS writes no torn pages, until: 2026-06-15} #!\nsettings: {full_page_writes: on}",
        "PGD202, reason: ZFS writes no torn pages, until: 2026-06-15} #!\nsettings: {full_page_writes: off}",
        "there is no rule PGD22; did you mean",
    ),
    Case(
        "PGD904",
        "waiver[setting[full_page_write].value]",
        """\
waivers:
  - {check: 'setting[full_page_write].value', reason: the reload is on Sunday, until: 2026-06-15} #!
settings: {full_page_writes: on}
""",
        "page_write]",
        "page_writes]",
        "there is no check setting[full_page_write].value; did you mean 'setting[full_page_writes].value'?",
    ),
)
