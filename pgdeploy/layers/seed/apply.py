"""Planning and writing seeds: one transaction a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.core.step import Step, StepPlan
from pgdeploy.errors import TargetError
from pgdeploy.layers.seed.check import SeededTable
from pgdeploy.layers.seed.reading import become, role_of, said
from pgdeploy.layers.seed.rows import clear, write
from pgdeploy.layers.seed.source import rows_of
from pgdeploy.layers.server.guard import alone
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.core.layer import Declared
    from pgdeploy.layers.seed.reading import Seeded
    from pgdeploy.model.seed import SeedSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.reach.server import Server


class ToSeed(NamedTuple):
    """A table that a step fills: its database, and its place in `rows:`."""

    database: str
    number: int


def tables_of(declared: Declared, sections: Mapping[str, SeedSpec]) -> list[SeededTable]:
    """Every table of `seeds:`."""
    return [
        SeededTable(declared.target, database, number, seed)
        for database, section in sections.items()
        for number, seed in enumerate(section.rows)
    ]


def plan_seeds(declared: Declared, sections: Mapping[str, SeedSpec], known: Mapping[str, Seeded]) -> StepPlan:
    """A step for each table that lacks rows, or has other values in them."""
    facts = Facts(NOBODY, None, {}, {}, sections={"seed": known})
    steps: list[Step] = []
    left: list[Finding] = []
    unreadable: list[Finding] = []
    drifts: dict[str, Finding] = {}
    for table in tables_of(declared, sections):
        (check,) = table.checks()
        finding = evaluate(check, facts)
        if finding.verdict is Verdict.UNREADABLE:
            unreadable.append(finding)
        elif known[table.database][table.number] is None:
            left.append(finding)
        elif finding.verdict is Verdict.DRIFTS:
            drifts[check.id] = finding
            text = f"{quoted_name(table.database)}: write rows of {table.seed.source} into {table.label}"
            steps.append(Step(text, (check.id,), payload=ToSeed(table.database, table.number)))
    return StepPlan(tuple(steps), tuple(left), tuple(unreadable), drifts)


def write_seeds(
    spec: Spec,
    sections: Mapping[str, SeedSpec],
    steps: Sequence[ToSeed],
    server: Server,
    *,
    empty: bool = False,
) -> None:
    """Write them; `empty`: first delete all rows of these tables, those that are filled last first.

    Raises:
        ApplyError: another apply is running on this server.
        TargetError: a row cannot be written; then nothing of its database is.
    """
    with alone(server) as guard:
        for database in dict.fromkeys(step.database for step in steps):
            numbers = [step.number for step in steps if step.database == database]
            with guard.session(database) as connection:
                _write(spec, database, sections[database], numbers, connection, empty=empty)


def _write(
    spec: Spec,
    database: str,
    section: SeedSpec,
    numbers: Sequence[int],
    connection: psycopg.Connection[Any],
    *,
    empty: bool,
) -> None:
    import psycopg

    place = quoted_name(database)
    try:
        become(connection, role_of(spec, database, section))
        with connection.transaction():
            for number in reversed(numbers) if empty else ():
                place = f"{quoted_name(database)}: {section.rows[number].source}"
                clear(section.rows[number], connection)
            for number in numbers:
                place = f"{quoted_name(database)}: {section.rows[number].source}"
                write(section.rows[number], rows_of(section.rows[number], connection), connection)
    except psycopg.Error as error:
        raise TargetError(f"{place}: {said(error)}; nothing of it was written") from error
