"""Findings for people and for machines: the same words in the gate, in `pgdeploy check` and in reports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.core.layer import is_readable
from pgdeploy.layers import LAYERS
from pgdeploy.spec.place import Place
from pgdeploy.text.one_line import escape, one_line

if TYPE_CHECKING:
    from pgdeploy.gate.gate import Gate

SCHEMA = 1
"""The version of the report's form; it changes when a field changes its meaning."""


def lines(finding: Finding, gate: Gate) -> list[str]:
    """A finding in full: desired, actual, where each is written, what to do."""
    return lines_of(as_data(finding, gate))


def lines_of(data: Mapping[str, Any]) -> list[str]:
    """The same of a finding that is JSON already."""
    shown = [f"{data['id']} {data['verdict']}"]
    for label in ("desired", "actual", "reason", "spec", "origin", "remedy"):
        for index, line in enumerate(_shown(data, label)):
            shown.append(f"  {label if index == 0 else '':8} {line}")
    return shown


def _shown(data: Mapping[str, Any], label: str) -> list[str]:
    """Lines of one field; only a remedy has several: statements, each on a line of its own."""
    if label == "spec":
        return [str(Place(**data[label]))]
    text: str = data[label]
    if not text:
        return []
    return text.split("\n") if label == "remedy" else [one_line(text)]


def as_data(finding: Finding, gate: Gate) -> dict[str, Any]:
    """A finding as JSON."""
    place, remedy = gate.target.place(finding.check), gate.remedy(finding)
    return {
        "id": finding.check.id,
        "kind": finding.check.resource.kind,
        "aspect": finding.check.aspect,
        "verdict": str(finding.verdict),
        "desired": finding.desired,
        "actual": finding.actual,
        "reason": finding.reason,
        "origin": finding.origin,
        "note": finding.note,
        "measured": finding.measured._asdict() if finding.measured is not None else None,
        "spec": {"file": escape(place.file), "line": place.line, "column": place.column},
        "remedy": remedy.text,
        "remedy_by": str(remedy.by) if remedy else "",
    }


def counts(findings: Iterable[Finding]) -> dict[str, int]:
    """How many of each verdict, all verdicts in one order."""
    return tally(finding.verdict for finding in findings)


def tally(verdicts: Iterable[str]) -> dict[str, int]:
    """How many of each verdict, of verdicts that may come from JSON."""
    known = Counter(verdicts)
    return {str(verdict): known[verdict] for verdict in Verdict}


def skipped(findings: Iterable[Finding]) -> dict[str, list[str]]:
    """Checks that were not asked, by reason; they never count as passed."""
    found: dict[str, list[str]] = {}
    for finding in findings:
        if finding.verdict in (Verdict.BLOCKED, Verdict.INAPPLICABLE):
            found.setdefault(finding.reason, []).append(finding.check.id)
    return found


def waived(data: Mapping[str, Any]) -> str:
    """One line of a finding that is waived: its id, why and until when, and what was found; else nothing."""
    if data["verdict"] != Verdict.WAIVED:
        return ""
    values = f"desired {one_line(data['desired'])}, actual {one_line(data['actual'])}"
    found = f" ({values})" if data["desired"] or data["actual"] else ""
    return f"{data['id']}: {one_line(data['reason'])}{found}"


def summary(name: str, where: str, numbers: dict[str, int]) -> str:
    """One line: `prod-pg01 on embedded PostgreSQL 16: 110 conform, 1 drifts, 4 inapplicable`."""
    words = {"conforms": "conform", "drifts": "drift"}
    parts = [
        f"{number} {words.get(verdict, verdict)}"
        for verdict, number in numbers.items()
        if number or verdict == "drifts"
    ]
    return f"{name} on {where}: {', '.join(parts)}"


def where(gate: Gate) -> str:
    """What was asked: the kind of server, its address and version."""
    if gate.facts.lost:
        sections = gate.facts.sections
        there = any(is_readable(sections.get(layer.name)) for layer in LAYERS if not layer.by)
        state = "where PostgreSQL does not answer" if there else "which could not be asked"
        return f"{gate.server.address}, {state}"
    version = gate.facts.about.version
    kind = "embedded " if gate.way.on == "embedded" else ""
    place = "" if kind else f" at {gate.server.address}"
    return f"{kind}PostgreSQL {version // 10000}.{version % 10000}{place}"


def report(gate: Gate, findings: Sequence[Finding]) -> dict[str, Any]:
    """All findings of a target as JSON."""
    return assemble(heading(gate), [as_data(finding, gate) for finding in findings])


def heading(gate: Gate) -> dict[str, Any]:
    """What a report is of. `checks` is how many there are, so that a report of a part is known as one."""
    return {
        "target": gate.target.name,
        "spec": {
            "files": [str(file) for file in gate.target.loaded.files],
            "digest": gate.target.loaded.digest,
        },
        "server": {"on": gate.way.on, "address": gate.server.address, "version": gate.facts.about.version},
        "checks": len(gate.checks),
    }


def assemble(heading: Mapping[str, Any], findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A report from its parts, which may come from several processes."""
    numbers = tally(finding["verdict"] for finding in findings)
    return {**heading, "counts": numbers, "findings": [dict(finding) for finding in findings]}
