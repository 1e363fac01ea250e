"""The plan of migrations: one step a revision that is not there yet, with what it would lose."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.core.step import Effect, Risk, Step, StepPlan
from pgdeploy.errors import TargetError
from pgdeploy.layers.migration.check import migrations_of
from pgdeploy.layers.migration.cost import Held, estimates
from pgdeploy.layers.migration.process import MigrationError
from pgdeploy.layers.migration.project import ask, on_server
from pgdeploy.layers.migration.reading import read_all
from pgdeploy.layers.migration.squawk import lost
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.secret.place import scrub
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.layer import Declared
    from pgdeploy.layers.migration.reading import MigrationFact
    from pgdeploy.layers.migration.scripts import Revision
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.reach.server import Server


_UNSEEN = "nobody knows what: it asks the database as it runs, so its SQL cannot be shown before"
_WORTH_SAYING = 0.1
"""Seconds."""


class ToRun(NamedTuple):
    """A revision that a step runs: of which entry of `migrations:`, and its SQL where that can be said offline."""

    name: str
    revision: str
    sql: str


def plan_migrations(
    declared: Declared,
    sections: Mapping[str, MigrationSpec],
    known: Mapping[str, MigrationFact],
    server: Server,
    *,
    models: bool = False,
) -> StepPlan:
    """Steps in the order in which they are made, and what no step removes; with `models` what differs from those, too.

    Raises:
        TargetError: env.py does not work.
        MissingExtra: what the revisions would lose cannot be said.
    """
    facts = Facts(NOBODY, None, {}, {}, sections={"migration": known})
    steps: list[Step] = []
    left: list[Finding] = []
    unreadable: list[Finding] = []
    drifts: dict[str, Finding] = {}
    for migration in migrations_of(declared, sections):
        name, section = migration.name, sections[migration.name]
        checks = [check for check in migration.checks() if models or check.field != "models"]
        findings = [evaluate(check, facts) for check in checks]
        unreadable += [one for one in findings if one.verdict is Verdict.UNREADABLE]
        for finding in findings:
            if finding.verdict is not Verdict.DRIFTS:
                continue
            pending = _pending(section, known[name]) if finding.check.field == "head" else []
            rendered = _rendered(declared, name, section, known[name], pending, server)
            sql = {revision: one.sql for revision, one in rendered.items()}
            held = estimates(declared.spec, name, section, sql, server)
            planner = _Planner(name, section, known[name], finding, rendered, held)
            made = [planner.step(one) for one in pending]
            steps += made
            if made:
                drifts[finding.check.id] = finding
            else:
                left.append(finding)
    return StepPlan(tuple(steps), tuple(left), tuple(unreadable), drifts)


def _pending(section: MigrationSpec, fact: MigrationFact) -> list[Revision]:
    """None where the database has a revision that nobody knows, or another one than the file says: what is pending
    then, nobody knows either. Sqitch's are never ours to run."""
    scripts, versions = fact.known_scripts, fact.known_database.versions or ()
    if section.kind == "sqitch" or scripts.unknown(versions) or fact.changed:
        return []
    return scripts.pending(versions)


def _rendered(
    declared: Declared,
    name: str,
    section: MigrationSpec,
    fact: MigrationFact,
    pending: Sequence[Revision],
    server: Server,
) -> Mapping[str, Rendered]:
    """The SQL of what is pending; where none has any, env.py is tried, which says best what is wrong with it."""
    versions = fact.known_database.versions or ()
    rendered = sql_of(section, versions, [one.revision for one in pending])
    if pending and not rendered:
        ask(section, "attempt", on_server(declared.spec, name, section, server, writes=False))
    return rendered


@dataclass(frozen=True, slots=True)
class _Planner:
    """Makes steps of revisions of one entry of `migrations:`."""

    name: str
    section: MigrationSpec
    fact: MigrationFact
    drift: Finding
    rendered: Mapping[str, Rendered]
    held: Mapping[str, Held]

    def step(self, one: Revision) -> Step:
        rendered, held = self.rendered.get(one.revision), self.held.get(one.revision)
        sql = rendered.sql if rendered is not None else None
        losing = _losing(self.section, one, sql)
        limit = self.section.max_lock
        too_long = held is not None and limit is not None and held.seconds > seconds_of(limit)
        return Step(
            self._text(one),
            (self.drift.check.id,),
            effect=Effect.LOCK if too_long else Effect.NONE,
            risk=Risk.DESTRUCTIVE if losing else Risk.SAFE,
            lost=losing,
            note=str(held) if held is not None and held.seconds >= _WORTH_SAYING else "",
            payload=ToRun(self.name, one.revision, scrub(sql or "")),
        )

    def _text(self, one: Revision) -> str:
        doc = f": {one.doc}" if one.doc else ""
        passed = self.fact.known_scripts.passed(one.revision, self.fact.known_database.versions or ())
        late = f" (late: {passed} is there)" if passed else ""
        return f"{quoted_name(self.name)}: upgrade to {one.revision}{doc}{late}"


def _losing(section: MigrationSpec, one: Revision, sql: str | None) -> str:
    """What it would lose; nothing where the spec allows it today. What nobody can see before is not taken for safe."""
    if may_lose(section, one.revision):
        return ""
    return ", ".join(_dropped(sql, section.version_table)) if sql is not None else _UNSEEN


def may_lose(section: MigrationSpec, revision: str) -> bool:
    """Whether the spec allows it to lose something, today."""
    allowed = section.destructive.get(revision)
    return allowed is not None and date.today() <= allowed.until  # noqa: DTZ011 - a day of people


def up_to(plan: StepPlan, revision: str) -> StepPlan:
    """The steps that a revision stands on, and its own. Raises TargetError: it is not pending."""
    at = next((at for at, step in enumerate(plan.steps) if step.payload.revision == revision), None)
    if at is None:
        pending = ", ".join(step.payload.revision for step in plan.steps) or "none"
        raise TargetError(f"--to {revision}: is not pending; pending: {pending}")
    name = plan.steps[at].payload.name
    return replace(plan, steps=tuple(one for one in plan.steps[: at + 1] if one.payload.name == name))


def taken_back(
    section: MigrationSpec, name: str, server: Server, to: str
) -> tuple[list[Revision], list[str]]:
    """The revisions that going down to `to` takes back, the newest first, and the statements that lose something.

    Raises:
        TargetError: there is no such revision, or the version table cannot be read.
        Unreadable: neither can the scripts.
    """
    fact = read_all({name: section}, server)[name]
    by_name = {one.revision: one for one in fact.known_scripts.revisions}
    versions = fact.known_database.versions or ()
    if unknown := fact.known_scripts.unknown(versions):
        raise TargetError(f"{quoted_name(name)}: the scripts lack {listing(unknown)}, which the database has")
    back: list[Revision] = []
    sql: list[str] = []

    def hear(line: Mapping[str, Any]) -> None:
        back.extend(by_name[revision] for revision in line.get("back", ()))
        sql.append(line.get("sql", ""))

    try:
        ask(section, "back", {"versions": list(versions), "to": to}, hear)
    except MigrationError as error:
        if not back:
            raise
        blind = f"what the rest of it takes away cannot be shown without running it: {error.lines[0]}"
        return back, [*_dropped("".join(sql), section.version_table), blind]
    return back, _dropped("".join(sql), section.version_table)


def _dropped(sql: str, version_table: str) -> list[str]:
    """The rows of the version table are no loss."""
    table = re.escape(version_table)
    of_versions = re.compile(rf'DELETE\s+FROM\s+(\S+\.)?"?{table}"?(\s|$)').match
    return [f"what {statement} drops" for statement in lost(sql) if not of_versions(statement)]


class Rendered(NamedTuple):
    """The SQL of a revision, and which line of its file made the statements from each line of the SQL on."""

    sql: str
    lines: tuple[tuple[int, int], ...]

    def line_of(self, line: int) -> int:
        """The line of the file behind a line of the SQL; 0 where Alembic itself wrote that."""
        return next((made for at, made in reversed(self.lines) if at <= line), 0)


def sql_of(section: MigrationSpec, versions: tuple[str, ...], revisions: list[str]) -> dict[str, Rendered]:
    """The SQL of each revision, but of those that ask the database and so have none without it.

    Raises:
        TargetError: a file of SQL has what cannot be run.
    """
    if not revisions:
        return {}
    said: dict[str, Rendered] = {}

    def hear(line: Mapping[str, Any]) -> None:
        if "sql" in line:
            said[line["revision"]] = Rendered(line["sql"], tuple((at, made) for at, made in line["lines"]))

    # what env.py or a revision of Alembic does not say is missing; when it is run, the reason comes with it
    with suppress(MigrationError) if section.kind == "alembic" else nullcontext():
        ask(section, "sql", {"versions": list(versions), "revisions": revisions}, hear)
    return said
