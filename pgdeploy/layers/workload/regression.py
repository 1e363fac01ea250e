"""Two baselines of a target compared: which statement became slower, which faster, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.layers.workload.explain import name_of
from pgdeploy.layers.workload.timing import interval, milliseconds

if TYPE_CHECKING:
    from pgdeploy.layers.workload.baseline import Baseline, Cost

TOLERANCE = 1.25
"""Times that differ less are the same."""
_OTHER_MACHINE = 3.0
"""A machine on which the calibration takes so much longer, or shorter, is another one."""
_BUFFERS_SPARED = 2
"""Blocks that come and go with the first row of a page, or the height of an index."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a statement: `same`, `slower`, `faster`, `cannot tell`, `new` or `changed`; and why."""

    name: str
    word: str
    reason: str


def refused(old: Baseline, new: Baseline) -> str | None:
    """Why the two cannot be compared."""
    if old.major != new.major:
        return f"it was measured on PostgreSQL {old.major}, and this is {new.major}"
    if old.machine != new.machine:
        return f"it was measured on {old.machine}, and this is {new.machine}"
    ratio = new.calibration / old.calibration
    if not 1 / _OTHER_MACHINE < ratio < _OTHER_MACHINE:
        return (
            f"it was measured on another kind of machine: the calibration took {milliseconds(old.calibration)} there, "
            f"and takes {milliseconds(new.calibration)} here"
        )
    return None


def verdicts(old: Baseline, new: Baseline) -> Iterator[Verdict]:
    """What became of each statement, in the order of the spec."""
    for name, cost in new.statements.items():
        before = old.statements.get(name)
        if before is None:
            yield Verdict(name, "new", "not in the baseline")
        elif before.statement != cost.statement:
            yield Verdict(
                name,
                "changed",
                "its text, parameters, database, role or prepare are not those of the baseline",
            )
        else:
            yield Verdict(name, *_compared(before, cost))


def _compared(old: Cost, new: Cost) -> tuple[str, str]:
    plan = _plan(old, new)
    if new.buffers > old.buffers * TOLERANCE + _BUFFERS_SPARED:
        return "slower", f"{new.buffers} blocks of shared buffers, {old.buffers} before{plan}"
    if new.temp > old.temp * TOLERANCE:
        return "slower", f"{new.temp}B of temporary files, {old.temp}B before{plan}"
    (low, high), (old_low, old_high) = interval(new.ratios), interval(old.ratios)
    least, most = low / old_high, high / old_low
    times = f"{milliseconds(new.seconds)}, {milliseconds(old.seconds)} before"
    reason = f"{least:.2f} to {most:.2f} times as long, {times}{plan}"
    best = new.best / old.best
    if least > TOLERANCE < best:
        return "slower", reason
    if most < 1 / TOLERANCE > best:
        return "faster", reason
    return ("same" if least >= 1 / TOLERANCE and most <= TOLERANCE else "cannot tell"), reason


def _plan(old: Cost, new: Cost) -> str:
    """Which nodes of the plan are others now, each with the rows that were estimated and those that came."""
    names, before = list(map(name_of, new.nodes)), list(map(name_of, old.nodes))
    if names == before:
        return ""
    gone = [line.strip() for line in old.nodes if name_of(line) not in names]
    come = [line.strip() for line in new.nodes if name_of(line) not in before]
    if not gone and not come:
        return "; the plan has the same nodes in another order"
    return f"; the plan has {', '.join(come) or 'nothing'} in place of {', '.join(gone) or 'nothing'}"
