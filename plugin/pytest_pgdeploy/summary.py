"""What the terminal says of the targets: a line in the header, a section at the end."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.report import findings as report
from pgdeploy.text.naming import examples
from pgdeploy.text.one_line import escape, one_line
from pytest_pgdeploy.node_id import mend_summary

if TYPE_CHECKING:
    import pytest

    from pytest_pgdeploy.options import Options
    from pytest_pgdeploy.result import Result, Results

REASONS = 10
"""As many reasons for skipping are told; the short summary of `-rs` and the report have them all."""


class Summary:
    """Both."""

    def __init__(self, options: Options, results: Results) -> None:
        self._options = options
        self._results = results

    def pytest_report_header(self) -> str:
        names = ", ".join(file.stem for file in self._options.files)
        return f"pgdeploy: {names} ({self._options.way.on})"

    def pytest_terminal_summary(
        self, terminalreporter: pytest.TerminalReporter, config: pytest.Config
    ) -> None:
        if config.option.collectonly:
            return
        mend_summary(terminalreporter.stats)
        terminalreporter.section("pgdeploy")
        for result in self._results.by_name.values():
            counts, unproven = result.counts, result.unproven
            bad = bool(
                result.error or counts["drifts"] or counts["unreadable"] or unproven or result.untouched
            )
            terminalreporter.write_line(
                escape(_headline(result)), red=bad, green=bool(result.findings) and not bad
            )
            if unproven:
                why = "is waived or was not asked" if counts["waived"] else "was not asked"
                text = f"blocked, and what blocks them {why}, so this run proves nothing of them"
                terminalreporter.write_line(escape(f"  {len(unproven)} {text}"), red=True)
            for line in _details(result):
                terminalreporter.write_line(f"  {escape(line)}")


def _headline(result: Result) -> str:
    if result.findings:
        return report.summary(result.name, result.where or "a server to throw away", result.counts)
    nothing = "no check was asked"
    if result.untouched:
        nothing += ", and no test was run for it: when you give paths, give its spec file, too"
    return f"{result.name}: {_first(result.error) or nothing}"


def _first(text: str) -> str:
    return text.partition("\n")[0]


def _details(result: Result) -> Iterator[str]:
    if result.findings and result.error:
        yield _first(result.error)
    yield from result.notes
    for finding in result.findings.values():
        if waived := report.waived(finding):
            yield f"waived, {waived}"
        elif finding["note"]:
            yield f"{finding['id']}: {one_line(finding['note'])}"
    reasons = sorted(result.skipped.items(), key=lambda item: -len(item[1]))
    for reason, ids in reasons[:REASONS]:
        yield f"{len(ids)} skipped, {one_line(reason)}: {examples(ids)}"
    if rest := reasons[REASONS:]:
        yield f"{sum(len(ids) for _, ids in rest)} skipped for {len(rest)} more reasons"
