"""A small shop on a real server, made from a spec and green: each test breaks one thing and looks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server

SPEC = """
postgres: 16
roles:
  app: {login: true, password: {env: PROBE_APP}}
  reader: {login: true, password: {env: PROBE_READER}, member_of: [readers]}
  readers: {login: false}
  ended: {login: true, password: {env: PROBE_ENDED}, valid_until: 2020-01-01}
  shut: {login: false, password: {env: PROBE_SHUT}}
  dump: {login: true, password: {env: PROBE_DUMP}, purpose: backup}
  maker: {login: false}
  'a"b; DROP': {login: true, password: {env: PROBE_HOSTILE}}
databases:
  shop:
    owner: maker
    schemas:
      sky: {owner: maker}
      "Üni's \\"s": {owner: maker}
    grants:
      - {revoke: [ALL], on: database, from: [PUBLIC]}
      - {grant: [CONNECT], on: database, to: [app, reader, dump]}
      - {grant: [TEMPORARY, CREATE], on: database, to: [app]}
      - {grant: [USAGE], on: {schema: sky}, to: [app, readers, dump, 'a"b; DROP', PUBLIC]}
      - {grant: [CREATE], on: {schema: sky}, to: [app]}
      - {grant: [SELECT, INSERT], on: {schema: sky, table: galaxy}, to: [app]}
      - {grant: [ALL], on: {schema: sky, table: galaxy}, to: ['a"b; DROP'], grant_option: true}
      - {grant: [SELECT], on: {schema: sky, table: galaxy, columns: [id, 'na"me']}, to: [readers]}
      - {grant: [SELECT], on: {schema: sky, all: tables}, to: [dump]}
      - {grant: [SELECT], on: {schema: sky, all: sequences}, to: [dump]}
      - {grant: [USAGE], on: {schema: sky, sequence: ticket}, to: [app]}
      - {grant: [SELECT], on: {schema: sky, table: bright}, to: [app, PUBLIC]}
      - {revoke: [EXECUTE], on: {schema: sky, function: area, arguments: [integer]}, from: [PUBLIC]}
      - {grant: [EXECUTE], on: {schema: sky, function: area, arguments: [integer]}, to: [app]}
      - {grant: [USAGE], on: {schema: sky, type: colour}, to: [app]}
      - {grant: [USAGE], on: {language: plpgsql}, to: [app]}
      - {grant: [USAGE], on: {schema: "Üni's \\"s"}, to: ['a"b; DROP', dump, PUBLIC]}
      - {grant: [UPDATE], on: {schema: "Üni's \\"s", table: "t;\\"'"}, to: ['a"b; DROP']}
      - {grant: [SELECT], on: {schema: "Üni's \\"s", table: "t;\\"'"}, to: [dump]}
    default_privileges:
      - {for: maker, in_schema: sky, grant: [SELECT], on: tables, to: [dump]}
      - {for: maker, in_schema: "Üni's \\"s", grant: [SELECT], on: tables, to: [PUBLIC]}
      - {for: maker, in_schema: sky, grant: [SELECT], on: sequences, to: [dump]}
      - {for: [maker, app], grant: [ALL], on: sequences, to: ['a"b; DROP']}
      - {for: maker, revoke: [EXECUTE], on: functions, from: [PUBLIC]}
      - {for: maker, grant: [USAGE], on: types, to: [app]}
      - {for: maker, grant: [USAGE, CREATE], on: schemas, to: [app]}
"""

OBJECTS = """
SET ROLE maker;
CREATE TABLE sky.galaxy (id int GENERATED ALWAYS AS IDENTITY, "na""me" text DEFAULT 'x', doubled int
                         GENERATED ALWAYS AS (length("na""me")) STORED, mass numeric NOT NULL CHECK (mass > 0));
CREATE TABLE sky.star (id serial PRIMARY KEY);
CREATE VIEW sky.bright AS SELECT id FROM sky.galaxy;
CREATE SEQUENCE sky.ticket;
CREATE FUNCTION sky.area(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE TYPE sky.colour AS ENUM ('red');
CREATE TABLE "Üni's ""s"."t;""'" (id int);
RESET ROLE;
INSERT INTO sky.galaxy (mass) VALUES (1);
"""

SECRETS = {
    f"PROBE_{who}": f"canary-{who}-'\"\\" for who in ("APP", "READER", "ENDED", "SHUT", "DUMP", "HOSTILE")
}


@dataclass(slots=True)
class World:
    """A target and its server."""

    target: Target
    server: Cluster

    def probe(self, server: Server | None = None) -> dict[str, Finding]:
        """All probes asked of the server as it is now, by id."""
        facts = self.target.read(server or self.server)
        return {check.id: evaluate(check, facts) for check in self.target.probes}

    def drifts(self) -> set[str]:
        return {key for key, finding in self.probe().items() if finding.verdict is Verdict.DRIFTS}

    def catalogue_drifts(self) -> set[str]:
        facts = self.target.read(self.server)
        found = (evaluate(check, facts) for check in self.target.checks)
        return {finding.check.id for finding in found if finding.verdict is Verdict.DRIFTS}

    def run(self, text: str, database: str | None = "shop") -> None:
        connection = self.server.open(database)
        try:
            connection.execute(text.encode())
        finally:
            connection.close()

    @contextmanager
    def broken(self, text: str, undo: str = "", database: str | None = "shop") -> Iterator[None]:
        """What somebody did by hand, for a while; at the end all is as the spec says."""
        self.run(text, database)
        try:
            yield
        finally:
            if undo:
                self.run(undo, database)
            realise(self)

    @contextmanager
    def hba(self, rules: str) -> Iterator[None]:
        """Other rules before those of the cluster, in effect when this returns."""
        file = self.server.data / "pg_hba.conf"
        usual = file.read_text()
        self._load_hba(rules + usual)
        try:
            yield
        finally:
            self._load_hba(usual)

    def _load_hba(self, text: str) -> None:
        (self.server.data / "pg_hba.conf").write_text(text)
        before = self._loaded()
        self.run("SELECT pg_reload_conf()", None)
        # a new backend shows what the postmaster, who reads pg_hba.conf, has loaded
        for _ in range(500):
            if self._loaded() != before:
                return
            time.sleep(0.01)
        raise TimeoutError("pg_hba.conf was not loaded")

    def _loaded(self) -> object:
        connection = self.server.open()
        try:
            return connection.execute("SELECT pg_conf_load_time()").fetchone()
        finally:
            connection.close()


def make(target: Target, server: Cluster, objects: str, database: str) -> World:
    world = World(target, server)
    realise(world)
    world.run(objects, database)
    realise(world)
    return world


def realise(world: World) -> None:
    apply(plan(world.target.spec, world.target.resources, world.target.read(world.server)), world.server)


def clear(server: Cluster, target: Target) -> None:
    """Drop what a spec made."""
    from psycopg import sql

    connection = server.open()
    try:
        for database in target.spec.databases:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database))
            )
        for role in target.spec.roles:
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
    finally:
        connection.close()
