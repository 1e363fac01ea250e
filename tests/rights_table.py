"""A server, a login that is no superuser, and whether a plan of it says what PostgreSQL does."""

from __future__ import annotations

from dataclasses import dataclass, field

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege, UndefinedObject

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.core.facts import Facts
from pgdeploy.core.step import Effect
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.change import Change
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.layers.server.rights import Rights
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.report.plan import permitted


@dataclass
class Spoken:
    """What a plan said of each change, as the login's rights are."""

    refused: list[tuple[Change, str]] = field(default_factory=list)


@dataclass
class Site:
    cluster: Cluster
    major: int
    target: Target

    @property
    def login(self) -> DsnServer:
        return DsnServer(f"{self.cluster.dsn} user=table_login password=known")

    def plan(self) -> Plan:
        facts = self.target.read(self.login)
        return permitted(
            plan(self.target.spec, self.target.resources, facts), destructive=True, unreadable=True
        )

    def findings(self) -> dict[str, Finding]:
        facts = self.target.read(self.login)
        return {check.id: evaluate(check, facts) for check in self.target.checks}


def listen(monkeypatch: pytest.MonkeyPatch) -> Spoken:
    """Listens to what the plan makes of each change."""
    heard, adapt, begin = Spoken(), Rights.adapt, Rights.__init__

    def beginning(self: Rights, facts: Facts, later: Facts) -> None:
        heard.refused.clear()  # a plan goes over it again, without what was refused
        begin(self, facts, later)

    def listening(self: Rights, change: Change) -> Change | str:
        answer = adapt(self, change)
        if isinstance(answer, str):
            heard.refused.append((change, answer))
        return answer

    monkeypatch.setattr(Rights, "__init__", beginning)
    monkeypatch.setattr(Rights, "adapt", listening)
    return heard


def untrue(site: Site, spoken: Spoken) -> list[str]:
    """What a plan promises and does not do, does in two goes, or says that it may not although PostgreSQL lets it."""
    made = site.plan()
    refused = list(spoken.refused)
    apply(made, site.login)

    after = site.findings()
    left = {finding.check.id for finding in (*made.stuck, *made.unreadable)}
    later = {finding.check.id for findings in made.then.values() for finding in findings}
    promised = {cause for change in made.changes for cause in change.causes} - left - later
    broken = [f"not done: {one}" for one in sorted(promised) if after[one].verdict is not Verdict.CONFORMS]
    again = [change for change in site.plan().changes if not later.intersection(change.causes)]
    broken += [f"only then: {_text(change)}" for change in again]
    allowed = [(change, why) for change, why in refused if not _is_refused(site, change)]
    return [*broken, *(f"allowed: {_text(change)}: {why}" for change, why in allowed)]


def _text(change: Change) -> str:
    return "; ".join(statement.text for statement in change.statements)


IN_VAIN = frozenset({"01007", "01006"})
"""GRANT and REVOKE that do nothing of what they say, for want of a grant option, are a warning."""


def _is_refused(site: Site, change: Change) -> bool:
    """Whether PostgreSQL refuses one of its statements to this login."""
    if change.database == "table_born" and not _is_there(site, "table_born"):
        return True  # as it may not be made
    database = change.database or "postgres"
    with psycopg.connect(
        f"{site.cluster.dsn} user=table_login password=known dbname={database}",
        autocommit=not change.transactional,
    ) as connection:
        warned: list[str | None] = []
        connection.add_notice_handler(lambda said: warned.append(said.sqlstate))
        reload = ["SELECT pg_reload_conf()"] if change.effect is not Effect.NONE else []
        for text in (*(statement.text for statement in change.statements), *reload):
            try:
                connection.execute(text.encode())
            except (InsufficientPrivilege, UndefinedObject):  # or what it is about may not be made
                return True
            if not IN_VAIN.isdisjoint(warned):
                return True
        connection.rollback()
    return False


def _is_there(site: Site, database: str) -> bool:
    with site.cluster.open() as root:
        found = root.execute("SELECT FROM pg_database WHERE datname = %s", [database])
        return found.fetchone() is not None
