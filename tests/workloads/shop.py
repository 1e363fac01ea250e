"""A small shop: a server with a database of it, and the spec of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster

PASSWORD = "a canary of the application"
SPEC = """\
postgres: 16
roles:
  postgres: {superuser: true, login: true}
  app: {login: true, password: {env: WORKLOAD_PASSWORD}}
  group: {}
databases:
  shop: {schemas: {app: {owner: app}}}
workloads:
"""
ORDERS: tuple[LiteralString, ...] = (
    "CREATE TABLE app.orders AS SELECT g AS id, repeat('x', 100) AS note FROM generate_series(1, 20000) g",
    "ALTER TABLE app.orders ADD PRIMARY KEY (id), OWNER TO app",
    "VACUUM ANALYZE app.orders",
)


def run(server: Cluster, database: str, *texts: LiteralString) -> None:
    with server.open(database, configured=False) as connection:
        for text in texts:
            connection.execute(text)


def shop() -> Iterator[Cluster]:
    """The server, still without orders."""
    for made in cluster(16):
        run(made, "postgres", f"CREATE ROLE app LOGIN PASSWORD '{PASSWORD}'", "CREATE DATABASE shop")
        run(made, "shop", "CREATE SCHEMA app AUTHORIZATION app")
        yield made
