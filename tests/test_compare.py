"""`pgdeploy compare`: each thing that differs is named once, and what is only written otherwise is not."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.gate.target import Target, load_target
from pgdeploy.lifecycle.compare import differences
from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.program import pgdeploy as pgdeploy_program

SPEC = """\
postgres: 16
settings: {work_mem: 64MB, jit: off}
hba:
  - {type: local, database: all, user: all, method: peer}
  - {type: host, database: all, user: app, address: 10.0.0.0/8, method: scram-sha-256}
ident:
  - {map: crew, system: root, role: app}
roles:
  postgres: {superuser: true, login: true}
  app: {login: true, password: {env: A}, settings: {statement_timeout: 30s}}
  reader: {member_of: [pg_monitor]}
tablespaces:
  disk: {location: /srv/disk}
grants:
  - {grant: [CREATE], on: {tablespace: disk}, to: [app]}
databases:
  base:
    is_template: true
    schemas: {shared: {owner: app}}
    grants:
      - {grant: [USAGE], on: {schema: shared}, to: [reader]}
  shop:
    owner: app
    settings: {work_mem: 8MB}
    schemas: {app: {owner: app}}
    extensions: {vector: {schema: app}}
    ownership:
      - {on: {schema: app, all: tables}, owner: app}
    grants:
      - {grant: [CONNECT, TEMP], on: database, to: [app, reader]}
      - {grant: [SELECT], on: {schema: app, all: tables}, to: [reader]}
      - {revoke: [CONNECT], on: database, from: [PUBLIC]}
    default_privileges:
      - {for: app, in_schema: app, grant: [SELECT], on: tables, to: [reader]}
    row_security:
      - {on: {schema: app, table: t}, policies: [a, b]}
    publications: {all: {all_tables: true}}
  copy: {from_template: base}
"""

CHANGES = [
    ("postgres: 16", "postgres: 17", ["server[version].major"]),
    ("work_mem: 64MB", "work_mem: 32MB", ["setting[work_mem].value"]),
    (", jit: off", "", ["setting[jit].value"]),
    ("method: peer", "method: trust", ["hba[local all all].method"]),
    ("10.0.0.0/8", "10.1.0.0/16", ["hba[host all app 10.0.0.0/8].method", "hba[host all app 10.1.0.0/16].method"]),
    ("system: root", "system: admin", ['ident[crew: root as app].mapped', 'ident[crew: admin as app].mapped']),
    ("app: {login: true", "app: {login: false", ["role[app].login"]),
    ("app: {login: true", "app: {login: true, createdb: true", ["role[app].createdb"]),
    (", password: {env: A}", "", ["role[app].password"]),
    ("timeout: 30s", "timeout: 31s", ["role[app].settings[statement_timeout]"]),
    ("[pg_monitor]", "[{role: pg_monitor, admin: true}]", ["membership[reader in pg_monitor].granted"]),
    ("/srv/disk", "/srv/disk2", ["tablespace[disk].location"]),
    ("disk}, to: [app]", "disk}, to: [app, reader]", ["grant[server: CREATE on tablespace disk for reader]"]),
    ("shop:\n    owner: app", "shop:\n    owner: reader", ["database[shop].owner"]),
    ("work_mem: 8MB", "work_mem: 9MB", ["database[shop].settings[work_mem]"]),
    ("schemas: {app: {owner: app}}", "schemas: {app: {}}", ["schema[shop: app].owner"]),
    ("vector: {schema: app}", "vector: {}", ["extension[shop: vector].schema"]),
    ("all: tables}, owner: app", "all: tables}, owner: reader", ["ownership[shop: all tables in schema app].owner"]),
    ("[CONNECT, TEMP]", "[CONNECT]", [
        "grant[shop: TEMPORARY on database for app]", "grant[shop: TEMPORARY on database for reader]",
    ]),
    ("all: tables}, to: [reader]", "all: tables}, to: [reader], grant_option: true", [
        "grant[shop: SELECT on all tables in schema app for reader]",
    ]),
    ("revoke: [CONNECT], on: database, from", "grant: [CONNECT], on: database, to", [
        "grant[shop: CONNECT on database for PUBLIC]",
    ]),
    ("for: app", "for: [app, reader]", ["default_privilege[shop: reader in schema app: SELECT on tables for reader]"]),
    ("[a, b]", "[a]", ["row_security[shop: table app.t]"]),
    ("all_tables: true", "all_tables: false", ["publication[shop: all].all_tables"]),
    ("shared: {owner: app}", "shared: {owner: reader}", ["schema[base: shared].owner", "schema[copy: shared].owner"]),
    ("  copy: {from_template: base}\n", "", ["database[copy].exists", "schema[copy: shared].exists",
      "grant[copy: USAGE on schema shared for reader]"]),
]  # fmt: skip

SPELLINGS = [
    ("64MB", "65536kB"),
    ("jit: off", "jit: false"),
    ("[CONNECT, TEMP]", "[temporary, connect]"),
    ("to: [app, reader]", "to: [reader, app]"),
    ("app: {login: true", "app: {login: true, createdb: false, inherit: true, connection_limit: -1"),
    ("member_of: [pg_monitor]", "member_of: [{role: pg_monitor, admin: false, set: true}]"),
    ("{env: A}", "{file: elsewhere}"),
    ("[a, b]", "[b, a]"),
    ("postgres: 16\n", "postgres: 16\ndescription: another\nconnect: {dsn: host=other}\n"),
    (
        "  copy: {from_template: base}",
        "  copy: {schemas: {shared: {owner: app}}, grants: [{grant: [USAGE], on: {schema: shared}, to: [reader]}]}",
    ),
    ("statement_timeout: 30s", "statement_timeout: 30000"),
]


def target(folder: Path, name: str, text: str) -> Target:
    file = folder / f"{name}.yaml"
    file.write_text(text)
    return load_target(file)


def compared(folder: Path, old: str, new: str) -> list[str]:
    assert old in SPEC
    one, other = target(folder, "one", SPEC), target(folder, "other", SPEC.replace(old, new, 1))
    there = [difference.statement.text for difference in differences(one, other)]
    back = [difference.statement.text for difference in differences(other, one)]
    assert sorted(there) == sorted(back)
    return there


@pytest.mark.parametrize(("old", "new", "ids"), CHANGES, ids=[f"{old} -> {new}" for old, new, _ in CHANGES])
def test_what_differs_is_named_and_nothing_else(tmp_path: Path, old: str, new: str, ids: list[str]) -> None:
    assert compared(tmp_path, old, new) == ids


@pytest.mark.parametrize(("old", "new"), SPELLINGS, ids=[f"{old} -> {new}" for old, new in SPELLINGS])
def test_another_spelling_is_the_same(tmp_path: Path, old: str, new: str) -> None:
    assert compared(tmp_path, old, new) == []


def test_another_order_of_rules_is_one_difference(tmp_path: Path) -> None:
    """The first rule that fits counts."""
    lines = SPEC.splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if "type: local" in line)
    lines[at], lines[at + 1] = lines[at + 1], lines[at]
    one, other = target(tmp_path, "one", SPEC), target(tmp_path, "other", "".join(lines))
    assert [difference.statement.text for difference in differences(one, other)] == ["hba[rules].order"]


# -- the command ---------------------------------------------------------------------------------------


def pgdeploy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return pgdeploy_program(*words, cwd=folder)


def test_the_command_says_both_values_and_their_places(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    target(tmp_path / "specs", "staging", SPEC)
    target(tmp_path / "specs", "prod", SPEC.replace("64MB", "32MB").replace("jit: off", "jit: on"))
    done = pgdeploy(tmp_path, "compare", "staging", "prod")
    assert (done.returncode, done.stderr) == (2, "")
    assert done.stdout == (
        "staging and prod differ: 2 differences\n"
        "setting:\n"
        "  setting[work_mem].value\n"
        "    staging: 64MB  (specs/staging.yaml:2:12)\n"
        "    prod: 32MB  (specs/prod.yaml:2:12)\n"
        "  setting[jit].value\n"
        "    staging: off  (specs/staging.yaml:2:28)\n"
        "    prod: on  (specs/prod.yaml:2:28)\n"
    )
    data = json.loads(
        pgdeploy(tmp_path, "compare", "staging", "prod", "--json", "--ignore", "setting[w*]*").stdout
    )
    assert [one["id"] for one in data["differences"]] == ["setting[jit].value"]
    assert (data["differences"][0]["first"], data["differences"][0]["second"]) == ("off", "on")
    same = pgdeploy(tmp_path, "compare", "staging", "prod", "--ignore", "setting[*")
    assert (same.returncode, same.stdout) == (0, "staging and prod are the same\n")
    lost = pgdeploy(tmp_path, "compare", "staging", "pord")
    assert (lost.returncode, "no target pord" in lost.stderr) == (1, True)


@pytest.fixture(scope="module")
def two() -> Iterator[tuple[Cluster, Cluster]]:
    for one in cluster(16):
        for other in cluster(16):
            yield one, other


def test_two_servers_without_what_their_specs_declare_to_differ(
    two: tuple[Cluster, Cluster], tmp_path: Path
) -> None:
    (tmp_path / "specs").mkdir()
    texts = (
        "CREATE ROLE app CONNECTION LIMIT 5",
        "CREATE ROLE app CONNECTION LIMIT 50; CREATE ROLE forgotten",
    )
    for server, name, limit, text in zip(two, ("staging", "prod"), (5, 50), texts, strict=True):
        with server.open() as connection:
            connection.execute(text.encode())
        roles = f"{{postgres: {{superuser: true, login: true}}, app: {{connection_limit: {limit}}}}}"
        spec = f"postgres: 16\nconnect: {{dsn: '{server.dsn}'}}\nroles: {roles}\n"
        (tmp_path / "specs" / f"{name}.yaml").write_text(spec)
    words = ("compare", "staging", "prod", "--live", "--ignore", "setting[unix_socket_directories]*")
    done = pgdeploy(tmp_path, *words)
    assert done.returncode == 2, done.stderr
    assert done.stdout == (
        "staging (live) and prod (live) differ: 1 difference\n"
        "role:\n"
        "  role[forgotten].exists\n"
        "    staging (live): absent\n"
        "    prod (live): present\n"
    )
    with two[1].open() as connection:
        connection.execute("DROP ROLE forgotten")
    assert pgdeploy(tmp_path, *words).returncode == 0
