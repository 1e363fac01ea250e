"""A town with a shop: a server with two databases, its spec, and the commands that back it up."""

from __future__ import annotations

import json
import subprocess
from contextlib import closing
from pathlib import Path

from pgdeploy.layers.backup.repository import measured
from pgdeploy.reach.embedded import Cluster
from tests.program import pgdeploy as pgdeploy_program

SPEC = """\
postgres: 15
roles:
  postgres: {superuser: true, login: true}
  owner: {}
  reader: {login: true}
databases:
  shop:
    owner: owner
    connection_limit: 50
    settings: {work_mem: 8MB}
    grants:
      - {grant: [CONNECT], on: database, to: [reader]}
      - {grant: [USAGE], on: {schema: app}, to: [reader]}
      - {grant: [SELECT], on: {schema: app, all: tables}, to: [reader]}
    schemas: {app: {owner: owner}}
  'an "odd" town': {owner: owner}
backup:
  repository: {path: kept}
  invariants:
    shop:
      - {sql: SELECT sum(id) FROM app.orders, at_least: 5050}
      - {sql: "SELECT max(day) FROM app.orders", returns: "2026-01-15"}
"""
ODD = 'an "odd" town'


def of_sql(server: Cluster, sql: str, database: str = "shop") -> list[tuple[object, ...]]:
    with closing(server.open(database)) as connection:
        cursor = connection.execute(sql.encode())
        return cursor.fetchall() if cursor.description else []


def databases(server: Cluster) -> list[str]:
    rows = of_sql(
        server, "SELECT datname::text FROM pg_database WHERE NOT datistemplate ORDER BY 1", "postgres"
    )
    return [str(name) for (name,) in rows]


def settle(made: Cluster) -> None:
    """Make the server as the spec says, with a hundred orders."""
    for text in (
        "CREATE ROLE owner",
        "CREATE ROLE reader LOGIN",
        "CREATE DATABASE shop OWNER owner TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C' CONNECTION LIMIT 50",
        "ALTER DATABASE shop SET work_mem = '8MB'",
        "GRANT CONNECT ON DATABASE shop TO reader",
        "COMMENT ON DATABASE shop IS 'it''s a shop'",
        'CREATE DATABASE "an ""odd"" town" OWNER owner',
    ):
        of_sql(made, text, "postgres")
    of_sql(
        made,
        """CREATE SCHEMA app AUTHORIZATION owner; SET ROLE owner;
        CREATE TABLE app.orders AS SELECT g AS id, date '2026-01-15' AS day FROM generate_series(1, 100) g;
        GRANT USAGE ON SCHEMA app TO reader; GRANT SELECT ON app.orders TO reader""",
    )
    of_sql(made, "CREATE TABLE public.here AS SELECT 7 AS n", ODD)


def write_spec(place: Path, text: str = SPEC) -> None:
    (place / "specs").mkdir(exist_ok=True)
    (place / "specs/town.yaml").write_text(text)


def run(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return pgdeploy_program(*words, cwd=place)


def remeasure(place: Path) -> None:
    """Each manifest agrees with its files: what is wrong with them, only a restore shows."""
    for file in (place / "specs/kept").glob("2*/manifest.json"):
        data = json.loads(file.read_text())
        files = {name: list(measured(file.parent / name)) for name in data["files"]}
        file.write_text(json.dumps(data | {"files": files}))
