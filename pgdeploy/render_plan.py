"""Plans for people and for machines. As text a plan is an SQL script: psql could run it, but for passwords."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy import report
from pgdeploy.change import Change, Effect, Risk, ident
from pgdeploy.check import Finding
from pgdeploy.errors import PlanError
from pgdeploy.plan import Plan
from pgdeploy.plan import as_data as change_data

if TYPE_CHECKING:
    from pgdeploy.gate import Gate

SCHEMA = 1
"""The version of a saved plan's form."""


def text(plan: Plan, gate: Gate) -> str:
    """The plan as an SQL script with its reasons as comments."""
    lines: list[str] = []
    database: str | None = None
    for number, change in enumerate(plan.changes, 1):
        if change.database != database:
            database = change.database
            lines += ["", f"\\connect {ident(database or 'postgres')}"]
        lines += ["", *_change_lines(number, change, plan, gate)]
    for title, findings in (
        ("no change of ours removes", plan.stuck),
        ("could not be read", plan.unreadable),
    ):
        for finding in findings:
            why = finding.stuck or finding.reason
            actual = f": desired {finding.desired}, actual {finding.actual}" if finding.actual else ""
            lines += ["", f"-- {title}: {finding.check.id}{actual}", f"--   {why}" if why else "--"]
    return "\n".join([*lines, "", f"-- {_total(plan, gate)}"]).lstrip("\n")


def _change_lines(number: int, change: Change, plan: Plan, gate: Gate) -> Iterator[str]:
    head = [f"-- {number}."]
    if change.risk is Risk.DESTRUCTIVE:
        head.append(f"DESTRUCTIVE, loses {change.lost}.")
    if change.effect is not Effect.NONE:
        head.append(f"takes effect by {change.effect}.")
    yield " ".join(head)
    yield from _causes(change, plan, gate)
    for statement in change.statements:
        yield f"{statement.text};"
    if change.hba is not None:
        yield "-- pg_hba.conf:"
        yield from (f"--   {line}" for line in change.hba.shown.splitlines())


def _causes(change: Change, plan: Plan, gate: Gate) -> Iterator[str]:
    """Each cause with what it found; of many on one address, the first in full and the ids of the rest."""
    for cause in change.causes[:2]:
        finding = plan.drifts[cause]
        place = gate.target.place(finding.check)
        yield f"--   {cause}: desired {finding.desired}, actual {finding.actual} ({place})"
    if rest := change.causes[2:]:
        yield f"--   and {', '.join(rest)}"


def _total(plan: Plan, gate: Gate) -> str:
    parts = [f"{len(plan.changes)} changes" if len(plan.changes) != 1 else "1 change"]
    if plan.stuck:
        parts.append(f"{len(plan.stuck)} findings that no change of ours removes")
    if plan.unreadable:
        parts.append(f"{len(plan.unreadable)} that could not be read")
    return f"{gate.target.name} on {report.where(gate)}: {', '.join(parts)}"


def as_data(plan: Plan, gate: Gate) -> dict[str, Any]:
    """The plan as JSON; `digest` is what `apply --plan` compares."""
    return {
        "schema": SCHEMA,
        "target": gate.target.name,
        "spec": gate.target.loaded.digest,
        "system": gate.facts.system,
        "digest": plan.digest,
        "changes": [change_data(change) for change in plan.changes],
        "stuck": [report.as_data(finding, gate) for finding in plan.stuck],
        "unreadable": [report.as_data(finding, gate) for finding in plan.unreadable],
    }


def permitted(plan: Plan, *, destructive: bool, unreadable: bool) -> Plan:
    """The part of a plan that the user's flags allow.

    Raises:
        PlanError: something could not be read and the user did not say to go on without it.
    """
    if plan.unreadable and not unreadable:
        listed = [f"  {finding.check.id}: {finding.reason}" for finding in plan.unreadable[:10]]
        more = [f"  and {len(plan.unreadable) - 10} more"] if len(plan.unreadable) > 10 else []
        hint = "mend that, or give --skip-unreadable to go on without them"
        raise PlanError("\n".join(["the plan would rest on what could not be read:", *listed, *more, hint]))
    if destructive:
        return plan
    kept = tuple(change for change in plan.changes if change.risk is Risk.SAFE)
    refused = {cause for change in plan.changes if change.risk is Risk.DESTRUCTIVE for cause in change.causes}
    stuck = tuple(_refused(plan.drifts[cause], plan) for cause in plan.drifts if cause in refused)
    waves = tuple(wave for wave in (tuple(c for c in w if c.risk is Risk.SAFE) for w in plan.waves) if wave)
    return replace(plan, changes=kept, waves=waves, stuck=(*plan.stuck, *stuck))


def _refused(finding: Finding, plan: Plan) -> Finding:
    lost = next(change.lost for change in plan.changes if finding.check.id in change.causes and change.lost)
    return replace(finding, stuck=f"destructive, loses {lost}: give --allow-destructive")


def require_same(plan: Plan, gate: Gate, file: Path) -> None:
    """Refuse unless the plan is the one that was saved: for this target, spec and server, with these changes.

    Raises:
        PlanError: the file is no plan, or the server or the spec moved since.
    """
    saved = _saved(file)
    now = as_data(plan, gate)
    for key, what in (("target", "target"), ("spec", "spec"), ("system", "server")):
        if saved.get(key) != now[key]:
            raise PlanError(f"{file}: this plan was made for another {what}; nothing was done: plan again")
    if saved["digest"] != plan.digest:
        numbers = f"{len(saved.get('changes', []))} changes then, {len(plan.changes)} now"
        raise PlanError(
            f"{file}: the server moved since this plan was saved ({numbers}); "
            "nothing was done: plan again, look, and apply the new plan"
        )


def _saved(file: Path) -> dict[str, Any]:
    try:
        saved = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise PlanError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError:
        saved = None
    if not isinstance(saved, dict) or "digest" not in saved:
        raise PlanError(f"{file}: not a plan saved by `pgdeploy plan --out`")
    return saved


def outcome(planned: Plan, after: Plan) -> str:
    """What an apply came to, by reading again and asking the causes again."""
    causes = {cause for change in planned.changes for cause in change.causes}
    still = [after.drifts[cause] for cause in after.drifts if cause in causes]
    lines = [f"still drifts: {f.check.id}: desired {f.desired}, actual {f.actual}" for f in still]
    if planned.changes:
        lines.append(
            f"made {len(planned.changes)} changes; {len(causes) - len(still)} of {len(causes)} causes are gone"
        )
    rest = _rest(after.stuck)
    return "\n".join(
        [
            *lines,
            *rest,
            "nothing is left to change" if not after.changes else f"{len(after.changes)} changes left",
        ]
    )


def _rest(stuck: Sequence[Finding]) -> list[str]:
    return [f"not ours to change: {finding.check.id}: {finding.stuck or finding.actual}" for finding in stuck]
