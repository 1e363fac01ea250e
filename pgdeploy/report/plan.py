"""Plans for people and for machines. As text a plan is an SQL script: psql could run it, but for passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from string import ascii_letters, digits
from typing import TYPE_CHECKING

from pgdeploy.core.check import Finding
from pgdeploy.core.remedy import Remedy
from pgdeploy.core.step import Effect, Risk
from pgdeploy.errors import PlanError
from pgdeploy.layers.server import hba
from pgdeploy.layers.server import ident as maps
from pgdeploy.layers.server.apply import statements_of
from pgdeploy.layers.server.change import Change, TakenAway, ident
from pgdeploy.layers.server.plan import Plan, was_shut
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.reach.session import SEARCH_PATH
from pgdeploy.report import findings as report
from pgdeploy.text.counted import counted
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_]+").fullmatch
_AS_IT_IS = frozenset(ascii_letters + digits + " =_-.:/,")

_THEN = "the rest of what its lines say of owners and privileges on what the extensions bring"
_THEN_SHUT = "nobody can look into it before"

PREPARED = ("\\encoding UTF8", "SET ROLE NONE;", f"SET search_path = {SEARCH_PATH};")
"""What psql's session must be like, whatever the database or its owner presets; as in an apply of ours."""


def lines(plan: Plan, gate: Gate) -> list[str]:
    """The plan as an SQL script with its reasons as comments."""
    shown: list[str] = []
    database: str | None = None
    for number, change in enumerate(plan.changes, 1):
        if number == 1 or change.database != database:
            shown += ["", *([] if number == 1 and change.database is None else [_connect(change)]), *PREPARED]
            database = change.database
        shown += ["", *_change_lines(number, change, plan, gate)]
    for changed, waiting in plan.then.items():
        shown += [
            "",
            f"-- then {one_line(changed)} is planned again: {_THEN_SHUT if was_shut(waiting) else _THEN}",
        ]
        shown += [
            f"--   {finding.check.id}: {one_line(finding.reason) or _values(finding)}" for finding in waiting
        ]
    for title, findings in (
        ("cannot be fixed by pgdeploy", plan.stuck),
        ("could not be read", plan.unreadable),
    ):
        for why, alike in _by_reason(findings).items():
            shown += ["", *(f"-- {title}: {_with_values(finding)}" for finding in alike)]
            shown += [f"--   {why}"] if why else ["--"]
    if text := hba.wanted(plan.stuck, gate.facts):
        shown += ["", "-- the spec's pg_hba.conf, whole, to be put on the server:", *_file_lines(text)]
    if text := maps.wanted(plan.stuck):
        shown += ["", "-- the spec's pg_ident.conf, whole, to be put on the server:", *_file_lines(text)]
    taken = [f"-- {line}" for line in (*_takes_effect(plan.changes), *takes_away(plan.taken))]
    return [*shown, "", *taken, f"-- {_total(plan, gate)}"][1:]


def _by_reason(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    """One reason is said once: a restart that is not ours to make may be that of twenty settings."""
    found: dict[str, list[Finding]] = {}
    for finding in findings:
        found.setdefault(one_line(finding.remedy.text or finding.reason), []).append(finding)
    return found


def _with_values(finding: Finding) -> str:
    return finding.check.id + (f": {_values(finding)}" if finding.actual else "")


def _takes_effect(changes: Sequence[Change]) -> Iterator[str]:
    """One line for the restart and one for the reload that changes need, which come once however many there are."""
    for effect in (Effect.RESTART, Effect.RELOAD):
        numbers = [str(number) for number, change in enumerate(changes, 1) if change.effect is effect]
        if numbers:
            yield f"takes effect by a {effect} of the server: {', '.join(numbers)}"


def takes_away(taken: TakenAway) -> list[str]:
    """One line that counts what goes, of a plan that takes something from somebody."""
    numbers = {
        "privilege": taken.privileges,
        "default privilege": taken.default_privileges,
        "membership": taken.memberships,
        "role": taken.roles,
    }
    parts = [counted(number, noun) for noun, number in numbers.items() if number]
    return [f"takes away: {', '.join(parts)}"] if parts else []


def _connect(change: Change) -> str:
    """psql takes a name with `=` for a connection string, so other than plain names are given in one."""
    name = change.database or MAINTENANCE
    if _PLAIN_NAME(name):
        return f"\\connect {ident(name)}"
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    return "\\connect -reuse-previous=on " + _psql_literal(f"dbname='{quoted}'")


def _psql_literal(text: str) -> str:
    """An argument of \\connect: first its escapes of bytes are read, and then double quotes as around a name."""
    marked = (
        chr(byte) if chr(byte) in _AS_IT_IS else f"\\{byte:03o}"
        for byte in text.replace('"', '""""').encode()
    )
    return f"'{''.join(marked)}'"


def _change_lines(number: int, change: Change, plan: Plan, gate: Gate) -> Iterator[str]:
    head = [f"-- {number}."]
    if change.risk is Risk.DESTRUCTIVE:
        head.append(f"DESTRUCTIVE, loses {change.lost}.")
    yield " ".join(head)
    yield from _causes(change, plan, gate)
    if change.loads:
        tried = ", ".join(library.name for library in change.loads)
        yield f"--   before anything is changed, LOAD is tried, each in a session of its own: {one_line(tried)}"
    texts = [f"{statement.text};" for statement in statements_of(change)]
    # outside of a transaction SET LOCAL is nothing
    yield from (
        ["BEGIN;", *texts, "COMMIT;"] if any(text.startswith("SET LOCAL ") for text in texts) else texts
    )
    yield from (f"-- note: {one_line(note)}" for note in change.notes)
    if change.hba is not None:
        yield "-- pg_hba.conf:"
        yield from _file_lines(change.hba.shown)
    if change.ident is not None:
        yield "-- pg_ident.conf:"
        yield from _file_lines(change.ident)


def _file_lines(text: str) -> list[str]:
    return [f"--   {line}" for line in text.removesuffix("\n").split("\n")]


def _values(finding: Finding) -> str:
    return f"desired {one_line(finding.desired)}, actual {one_line(finding.actual)}"


def _causes(change: Change, plan: Plan, gate: Gate) -> Iterator[str]:
    """Each cause with what it found; of many on one address, the first in full and the ids of the rest."""
    for cause in change.causes[:2]:
        finding = plan.drifts[cause]
        place = gate.target.place(finding.check)
        yield f"--   {cause}: {_values(finding)} ({place})"
    if rest := change.causes[2:]:
        yield f"--   and {', '.join(rest)}"


def _total(plan: Plan, gate: Gate) -> str:
    parts = [counted(len(plan.changes), "change")]
    if plan.stuck:
        parts.append(f"{counted(len(plan.stuck), 'difference')} that pgdeploy cannot remove")
    if plan.unreadable:
        parts.append(f"{len(plan.unreadable)} that could not be read")
    return f"{gate.target.name} on {report.where(gate)}: {', '.join(parts)}"


def permitted(plan: Plan, *, destructive: bool, unreadable: bool) -> Plan:
    """The part of a plan that the user's flags allow.

    Raises:
        PlanError: something could not be read and the user did not say to go on without it.
    """
    if not unreadable:
        require_readable(plan.unreadable, "fix that, or pass --skip-unreadable to go on without them")
    if destructive:
        return plan
    kept = plan.only(lambda change: change.risk is Risk.SAFE)
    refused = {cause for change in plan.changes if change.risk is Risk.DESTRUCTIVE for cause in change.causes}
    stuck = tuple(_refused(plan.drifts[cause], plan) for cause in plan.drifts if cause in refused)
    return replace(kept, stuck=(*plan.stuck, *stuck))


def require_readable(unreadable: Sequence[Finding], hint: str) -> None:
    """Raises PlanError where there is anything that could not be read; `hint` says what to do."""
    if unreadable:
        listed = [f"  {finding.check.id}: {finding.reason}" for finding in unreadable[:10]]
        more = [f"  and {len(unreadable) - 10} more"] if len(unreadable) > 10 else []
        raise PlanError("the plan would rest on what could not be read:", *listed, *more, hint)


def _refused(finding: Finding, plan: Plan) -> Finding:
    lost = next(change.lost for change in plan.changes if finding.check.id in change.causes and change.lost)
    return replace(finding, remedy=Remedy(f"destructive, loses {lost}: give --allow-destructive"))


def outcome(planned: Plan, after: Plan) -> list[str]:
    """What an apply came to, by reading again and asking the causes again."""
    causes = {cause for change in planned.changes for cause in change.causes}
    still = [after.drifts[cause] for cause in after.drifts if cause in causes]
    said = {finding.check.id for finding in after.stuck}
    shown = [f"still drifts: {_with_values(finding)}" for finding in still if finding.check.id not in said]
    if planned.changes:
        shown.append(_made(len(planned.changes), len(causes), len(still)))
    left = (
        f"{counted(len(after.changes), 'change')} left to make"
        if after.changes
        else "nothing is left to change"
    )
    return [*shown, *_rest(after.stuck), left]


def _made(changes: int, differences: int, left: int) -> str:
    made = f"made {counted(changes, 'change')}"
    if not left:
        return f"{made}: {counted(differences, 'difference')} from the spec removed"
    return f"{made}: {differences - left} of {counted(differences, 'difference')} from the spec removed, {left} left"


def _rest(stuck: Sequence[Finding]) -> list[str]:
    return [
        f"not fixable here: {', '.join(finding.check.id for finding in alike)}: {why or one_line(alike[0].actual)}"
        for why, alike in _by_reason(stuck).items()
    ]
