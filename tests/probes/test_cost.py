"""What the probes of a gate cost: little, linear in what there is, and never longer than they may."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.login.budget import SESSIONS, budget
from pgdeploy.layers.server.probes.ask import Question, _parameters, _text
from pgdeploy.layers.server.probes.catalog_object import CatalogObject
from pgdeploy.layers.server.probes.statement import sql
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.session import MORE_TIME
from tests.probes.shop import World, clear, make

ROLES = [f"clerk{number:02}" for number in range(12)]


def many_roles() -> str:
    """Twelve roles with a secret each, in a database where each has lines of its own."""
    body: dict[str, Any] = {
        "roles": {"maker": {"login": False}},
        "databases": {"crowd": {"owner": "maker", "schemas": {"s": {"owner": "maker"}}}},
    }
    lines: list[object] = [{"grant": ["CONNECT"], "on": "database", "to": ROLES}]
    defaults: list[object] = []
    for role in ROLES:
        body["roles"][role] = {"login": True, "password": {"env": "PROBE_APP"}}
        lines.append({"grant": ["USAGE", "CREATE"], "on": {"schema": "s"}, "to": [role]})
        lines.append({"grant": ["SELECT"], "on": {"schema": "s", "all": "tables"}, "to": [role]})
        defaults += [
            {"for": "maker", "in_schema": "s", "grant": ["SELECT"], "on": kind, "to": [role]}
            for kind in ("tables", "sequences")
        ]
    body["databases"]["crowd"] |= {"grants": lines, "default_privileges": defaults}
    return "postgres: 16\n" + "".join(f"{name}: {json.dumps(value)}\n" for name, value in body.items())


@pytest.fixture(scope="module")
def crowd(server16: Cluster, load: Callable[[str, int], Target], secrets: None) -> Iterator[World]:
    target = load(many_roles(), 16)
    try:
        yield make(target, server16, "SET ROLE maker; CREATE TABLE s.t (id int)", "crowd")
    finally:
        clear(server16, target)


def transactions(world: World) -> int:
    """The next transaction id."""
    connection = world.server.open()
    try:
        query = "SELECT pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text"
        return int(connection.execute(query).fetchone()[0])  # type: ignore[arg-type, index]
    finally:
        connection.close()


def test_many_roles_cost_few_transaction_ids_and_one_failed_login(crowd: World) -> None:
    before, logged = transactions(crowd), crowd.server.log.read_text().count("FATAL")
    found = crowd.probe()
    drifts = [key for key, one in found.items() if one.verdict is not Verdict.CONFORMS]
    assert drifts == ["role[maker].cannot_log_in"]
    # one for all that roles make, one for all that creators make
    assert transactions(crowd) - before == 2
    assert crowd.server.log.read_text().count("FATAL") - logged == 1


TABLES = """
CREATE SCHEMA IF NOT EXISTS s;
CREATE OR REPLACE FUNCTION s.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
DO $$ BEGIN FOR i IN {0}..{1} LOOP
  EXECUTE pg_catalog.format('CREATE TABLE s.t%s (id int PRIMARY KEY, a text CHECK (length(a) < 9))', i);
  EXECUTE pg_catalog.format('CREATE TRIGGER tr BEFORE UPDATE ON s.t%s FOR EACH ROW EXECUTE FUNCTION s.f()', i);
END LOOP; END $$
"""


@pytest.mark.parametrize("analyzed", [False, True])
def test_each_read_is_linear_in_the_number_of_tables(server16: Cluster, analyzed: bool) -> None:
    """By the pages that it touches: those do not depend on how busy the machine is."""
    with server16.open() as connection:
        connection.execute("CREATE DATABASE large")
    touched: list[dict[str, int]] = []
    try:
        with server16.open("large") as connection:
            for first, last in ((1, 200), (201, 1600)):
                connection.execute(TABLES.format(first, last).encode())
                if analyzed:
                    connection.execute("ANALYZE")
                touched.append({name: _pages(connection, *one) for name, one in _reads(connection).items()})
    finally:
        with server16.open() as connection:
            connection.execute("DROP DATABASE large")
    few, many = touched
    # eight times the tables; the rest is what every catalogue holds
    assert {name: pages for name, pages in many.items() if pages > 16 * few[name] + 2000} == {}


def _reads(connection: Any) -> dict[str, tuple[str, Any]]:
    """Every bulk read of probes, with parameters about all tables."""
    query = "SELECT oid::text FROM pg_class WHERE relnamespace = 's'::regnamespace AND relkind = 'r'"
    things = {ObjectKey("table", "s", row[0]): CatalogObject(row[0], "") for row in connection.execute(query)}
    words = frozenset({"SELECT", "INSERT", "TRUNCATE WITH GRANT OPTION"})
    asked = [Question("PUBLIC", key, words) for key in things]
    return {
        "things": (sql("things"), {"schemas": ["s"], "with_columns": ["t1"]}),
        "dumped": (sql("dumped"), ["postgres"]),
        "ask": (_text("table"), _parameters("table", asked, things, {"PUBLIC": 0})),
    }


def _pages(connection: Any, text: str, parameters: Any) -> int:
    plan = connection.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {text}", parameters).fetchone()[0][0]
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


class Stopping(Cluster):
    """A cluster whose backends stop as soon as a probe is connected to them."""

    def __init__(self, server: Cluster) -> None:
        self.__dict__.update(server.__dict__)
        self.budget = 0.2
        self.stopped: list[int] = []

    def open(self, *arguments: Any, **keywords: Any) -> Any:
        connection = super().open(*arguments, **keywords)
        if keywords.get("application_name") == "pgdeploy-probe":
            self.stopped.append(connection.info.backend_pid)
            os.kill(self.stopped[-1], signal.SIGSTOP)
        return connection


def test_backends_that_hang_do_not_hang_the_gate(crowd: World) -> None:
    facts = crowd.target.read(crowd.server)
    hanging = Stopping(crowd.server)
    object.__setattr__(facts, "server", hanging)
    try:
        reasons = {check.id: _reason(check, facts) for check in crowd.target.probes}
    finally:
        for pid in hanging.stopped:
            os.kill(pid, signal.SIGCONT)
    assert reasons.pop("role[maker].cannot_log_in").startswith("the spec gives it no password")
    assert {reason.partition(": ")[2] for reason in reasons.values() if "answer" in reason} == {
        f"no answer within 0.2 s; {MORE_TIME}"
    }
    used_up = f"the probes have used up their {SESSIONS * 0.2:g} s; {MORE_TIME}"
    assert {reason for reason in reasons.values() if "answer" not in reason} == {used_up}
    assert len(hanging.stopped) == 1
    assert facts.once(budget).left < 0


def _reason(check: Any, facts: Any) -> str:
    from pgdeploy.core.check import evaluate

    return evaluate(check, facts).reason
