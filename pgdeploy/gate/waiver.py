"""Waivers of checks: what the gate says of a check that may be red, for a reason and until a date.

Only the gate knows them. A waived check never conforms: it has a verdict and a number of its own. A plan takes no
notice, as a waiver says that something differs, and not that it should.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from pgdeploy.core.check import Finding, Verdict

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec, Waiver

_RED = (Verdict.DRIFTS, Verdict.BLOCKED, Verdict.UNREADABLE)


def check_waivers(spec: Spec) -> dict[str, Waiver]:
    """The waivers of checks by id; of several for one check the one that ends last."""
    ordered = sorted(spec.waivers, key=lambda waiver: waiver.until)
    return {waiver.check: waiver for waiver in ordered if waiver.check is not None}


def weigh(finding: Finding, waivers: Mapping[str, Waiver], today: date) -> Finding:
    """The finding with what its waiver makes of it; the last day of a waiver is included."""
    waiver = waivers.get(finding.check.id)
    if waiver is None:
        return finding
    if finding.verdict not in _RED:
        idle = f"its waiver until {waiver.until} has nothing to waive; take it away: {waiver.reason}"
        return replace(finding, note=_joined(finding.note, idle))
    if waiver.until < today:
        return replace(
            finding, reason=_joined(finding.reason, f"its waiver ended on {waiver.until}: {waiver.reason}")
        )
    said = f"{finding.verdict}, waived until {waiver.until}: {waiver.reason}"
    return replace(
        finding,
        verdict=Verdict.WAIVED,
        reason=_joined(finding.reason, said),
        unwaived=finding.verdict,
    )


def _joined(*texts: str) -> str:
    return "; ".join(filter(None, texts))
