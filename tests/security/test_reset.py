"""A setting that PostgreSQL stores and then refuses to reset by its name stops no apply."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.embedded import Cluster

SPEC = """\
postgres: 16
connect: {dsn: host=x}
undeclared: {roles: ignore, databases: ignore}
roles:
  postgres: {superuser: true, login: true}
  tenant: {login: true, settings: {work_mem: 5MB}, settings_in: {tenants: {work_mem: 6MB}}}
databases:
  tenants: {owner: tenant, settings: {work_mem: 7MB}}
"""

PRESET = "transaction_read_only = on"
WHOSE = ["ROLE tenant", "ROLE tenant IN DATABASE tenants", "DATABASE tenants"]


@pytest.fixture
def server(server16: Cluster) -> Iterator[Cluster]:
    with server16.open() as connection:
        connection.execute("CREATE ROLE tenant LOGIN")
        connection.execute("CREATE DATABASE tenants OWNER tenant")
    yield server16
    with server16.open() as connection:
        connection.execute("DROP DATABASE tenants")
        connection.execute("DROP ROLE tenant")


@pytest.mark.parametrize("whose", WHOSE)
def test_it_is_taken_back_and_the_rest_stays(server: Cluster, whose: str, tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(SPEC)
    target = load_target(tmp_path / "x.yaml")
    apply(plan(target.spec, target.resources, target.read(server)), server)
    with server.open() as connection:
        connection.execute(f"ALTER {whose} SET {PRESET}".encode())
    planned = plan(target.spec, target.resources, target.read(server))
    assert [cause for change in planned.changes for cause in change.causes if "undeclared_settings" in cause]
    apply(planned, server)
    assert plan(target.spec, target.resources, target.read(server)).changes == ()
