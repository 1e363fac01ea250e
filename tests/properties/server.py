"""A real server for the laws: a spec made so on it, judged, and everything taken back again."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import LiteralString

from pgdeploy.core.check import Finding
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.change import ident, idents
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.model.spec import Spec
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing
from pgdeploy.spec.render import render
from tests.conftest import not_conforming
from tests.diff import diff
from tests.properties.strategy import PASSWORDS

_OTHER_DATABASES = """
SELECT datname::text FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')
"""
_OTHER_ROLES = "SELECT rolname::text FROM pg_roles WHERE oid <> 10 AND rolname NOT LIKE 'pg\\_%'"
_LOADED: LiteralString = "SELECT pg_conf_load_time()::text"
_INITIAL = (
    "ALTER ROLE postgres SUPERUSER LOGIN CONNECTION LIMIT -1 VALID UNTIL 'infinity' PASSWORD NULL",
    "ALTER ROLE postgres RESET ALL",
    "ALTER ROLE ALL RESET ALL",
    "ALTER SYSTEM RESET ALL",
    "SELECT pg_reload_conf()",
)


def load(spec: Spec) -> Target:
    """The spec as a user's file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "law.yaml"
        file.write_text(render(spec), encoding="utf-8")
        return load_target(file)


def planned(target: Target, server: Cluster) -> Plan:
    return plan(target.spec, target.resources, target.read(server))


def make(target: Target, server: Cluster) -> Plan:
    """Plan and apply, destructive changes too."""
    os.environ.update(PASSWORDS)
    made = planned(target, server)
    apply(made, server)
    return made


def said(made: Plan) -> list[str]:
    """All that a plan has to say, as an assertion shows it."""
    texts = [statement.text for change in made.changes for statement in change.statements or ()]
    texts += [str(change.effect) for change in made.changes if not change.statements]
    texts += [_said(finding) for finding in (*made.stuck, *made.unreadable)]
    return texts


def wrong(target: Target, server: Cluster) -> list[str]:
    """Every check that does not conform, asked of facts read anew."""
    return [_said(finding) for finding in not_conforming(diff(target.checks, target.read(server)))]


def _said(finding: Finding) -> str:
    why = finding.remedy.text or finding.reason
    return f"{finding.check.id} {finding.verdict}: desired {finding.desired}, actual {finding.actual}; {why}"


def run(server: Cluster, *texts: str, database: str | None = None) -> None:
    """SQL by hand, statement by statement."""
    with closing(server.open(database)) as connection:
        connection.execute("SET default_transaction_read_only = off")
        for text in texts:
            connection.execute(text.encode())


def names(server: Cluster, query: LiteralString) -> list[str]:
    with closing(server.open()) as connection:
        return [str(row[0]) for row in connection.execute(query).fetchall()]


def clean(server: Cluster) -> None:
    """Take back all that a spec can have made."""
    for database in names(server, _OTHER_DATABASES):
        run(
            server,
            f"ALTER DATABASE {ident(database)} IS_TEMPLATE false",
            f"DROP DATABASE {ident(database)} WITH (FORCE)",
        )
    if roles := names(server, _OTHER_ROLES):
        run(server, f"DROP OWNED BY {idents(roles)}", f"DROP ROLE {idents(roles)}")
    before = names(server, _LOADED)
    run(server, *_INITIAL)
    while names(server, _LOADED) == before:
        time.sleep(0.005)
