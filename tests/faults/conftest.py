"""A server that may be hurt, a spec that touches every stage, and the question whether all is well again."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster, not_conforming
from tests.diff import diff
from tests.faults.site import Site

SPEC = """\
postgres: 16
settings: {work_mem: 8MB, random_page_cost: 1.5}
roles:
  postgres: {superuser: true, login: true}
  owner: {login: true, settings: {statement_timeout: 30s}}
  reader: {member_of: [owner], settings_in: {copy: {work_mem: 16MB}}}
databases:
  base:
    is_template: true
    schemas: {sales: {owner: owner}}
    default_privileges:
      - {for: owner, in_schema: sales, grant: [SELECT], on: tables, to: [reader]}
    grants:
      - {grant: [USAGE], on: {schema: sales}, to: [reader]}
  copy:
    from_template: base
    owner: owner
    grants:
      - {revoke: [CONNECT], on: database, from: [PUBLIC]}
      - {grant: [CONNECT], on: database, to: [reader]}
"""


@pytest.fixture(scope="package")
def wounded() -> Iterator[Cluster]:
    """A server of its own for faults, which logs every statement."""
    for server in cluster(16):
        with server.open() as connection:
            connection.execute("ALTER SYSTEM SET log_statement TO 'all'")
            connection.execute("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def server(wounded: Cluster) -> Iterator[Cluster]:
    """The server without anything of the spec."""
    yield wounded
    wait_until_alone(wounded)
    with wounded.open() as connection:
        connection.execute("ALTER DATABASE base IS_TEMPLATE false") if _exists(wounded, "base") else None
        for database in ("copy", "base"):
            connection.execute(f"DROP DATABASE IF EXISTS {database}")
        for role in ("reader", "owner"):
            connection.execute(f"DROP ROLE IF EXISTS {role}")
        connection.execute("ALTER SYSTEM RESET work_mem")
        connection.execute("ALTER SYSTEM RESET random_page_cost")
        connection.execute("SELECT pg_reload_conf()")


@pytest.fixture
def target(tmp_path: Path) -> Target:
    file = tmp_path / "shop.yaml"
    file.write_text(SPEC)
    return load_target(file)


def _exists(server: Cluster, database: str) -> bool:
    with server.open() as connection:
        found = connection.execute("SELECT FROM pg_database WHERE datname = %s", [database]).fetchone()
        return found is not None


def wait_until_alone(server: Cluster) -> None:
    """Until the backends of a killed apply are gone: the server notices in its own time."""
    deadline = time.monotonic() + 30
    others = "SELECT FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with server.open() as connection:
        while connection.execute(others).fetchone() is not None:
            assert time.monotonic() < deadline, "a backend stays"
            time.sleep(0.01)


def planned(target: Target, server: Cluster) -> Plan:
    return plan(target.spec, target.resources, target.read(server))


def converges(target: Target, server: Cluster) -> None:
    """Another apply brings the server to the spec, and the gate says so."""
    wait_until_alone(server)
    apply(planned(target, server), server)
    again = planned(target, server)
    assert (again.changes, again.stuck) == ((), ())
    assert not_conforming(diff(target.checks, target.read(server))) == []


@pytest.fixture
def site() -> Iterator[Site]:
    with TemporaryDirectory(prefix="pgdeploy-fault-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        made = Site(Path(folder))
        yield made
        for process in made.servers():
            os.kill(process, signal.SIGKILL)
