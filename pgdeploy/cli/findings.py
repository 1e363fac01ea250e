"""Findings as `check`, `apply` and `up` print them, and the exit code that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pgdeploy.cli.output import DIFFERENT, ERROR, OK, say

if TYPE_CHECKING:
    from pgdeploy.core.check import Finding
    from pgdeploy.gate.gate import Gate


def print_findings(gate: Gate, findings: list[Finding], *, verbose: bool = False) -> None:
    """What is red in full, the rest counted; `verbose`: what conforms, too."""
    from pgdeploy.report import findings as report
    from pgdeploy.text.naming import examples
    from pgdeploy.text.one_line import one_line

    for finding in findings:
        if verbose or finding.verdict in ("drifts", "unreadable"):
            say(*report.lines(finding, gate))
        elif finding.verdict == "waived":
            say(f"waived, {report.waived(report.as_data(finding, gate))}")
        elif finding.note:
            say(f"{finding.check.id}: {one_line(finding.note)}")
    for reason, ids in report.skipped(findings).items():
        say(f"skipped, {one_line(reason)}: {examples(ids)}")
    say(report.summary(gate.target.name, report.where(gate), report.counts(findings)))


def worse(code: int, numbers: dict[str, int]) -> int:
    """The exit code so far, or what these numbers make of it: an error weighs more than drift."""
    if numbers["unreadable"] or code == ERROR:
        return ERROR
    return DIFFERENT if numbers["drifts"] or numbers["blocked"] else code


def ask_and_print(gate: Gate) -> int:
    """Ask all checks of a gate; the exit code that they make."""
    from pgdeploy.report import findings as report

    findings = gate.ask()
    print_findings(gate, findings)
    return worse(OK, report.counts(findings))
