"""What the run found, target by target, from the reports of pytest: so it works the same under xdist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pgdeploy.report import findings as words
from pytest_pgdeploy.failure import Crash, Failure
from pytest_pgdeploy.node_id import mend_junit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_pgdeploy.visit import TargetSession


class Result:
    """The findings of one target."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.heading: dict[str, Any] = {}
        self.where = ""
        self.notes: list[str] = []
        self.error = ""
        self.used = False
        self.findings: dict[str, dict[str, Any]] = {}

    def add(self, message: dict[str, Any]) -> None:
        self.heading = self.heading or message.get("heading", {})
        self.where = self.where or message.get("where", "")
        self.notes += [note for note in message.get("notes", ()) if note not in self.notes]
        self.error = self.error or message.get("error", "")
        self.used = self.used or message.get("used", False)
        finding = message.get("finding")
        if finding is not None:
            self.findings[finding["id"]] = finding

    @property
    def counts(self) -> dict[str, int]:
        return words.tally(finding["verdict"] for finding in self.findings.values())

    @property
    def skipped(self) -> dict[str, list[str]]:
        """Checks that were not answered, by reason; they never count as passed."""
        found: dict[str, list[str]] = {}
        for finding in self.findings.values():
            if finding["verdict"] in ("blocked", "inapplicable"):
                found.setdefault(finding["reason"], []).append(finding["id"])
        return found

    @property
    def unproven(self) -> list[str]:
        """Blocked checks of a run in which nothing else failed: what blocks them was not asked (-m, -k)."""
        counts = self.counts
        if self.error or counts["drifts"] or counts["unreadable"]:
            return []
        return [finding["id"] for finding in self.findings.values() if finding["verdict"] == "blocked"]

    @property
    def untouched(self) -> bool:
        """Whether the run says nothing of it: neither a check was asked, nor a user's own test run for it."""
        return not (self.findings or self.error or self.used)

    def as_data(self) -> dict[str, Any]:
        data = words.assemble(self.heading or {"target": self.name}, list(self.findings.values()))
        return {**data, "error": self.error} if self.error else data


class Results:
    """Listens to the reports."""

    def __init__(self, config: pytest.Config, visits: Sequence[TargetSession]) -> None:
        self._config = config
        self._files = {visit.file.name: visit.name for visit in visits}
        self.by_name = {visit.name: Result(visit.name) for visit in visits}

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """A gate is not open when something is absent and only its parent's check would have said so."""
        if self._config.option.collectonly:
            return
        unproven = any(result.unproven or result.untouched for result in self.by_name.values())
        if unproven and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        message = getattr(report, "pgdeploy", None)
        if message is None:
            return
        self.by_name[message["target"]].add(message)
        if isinstance(report.longrepr, str) and "crash" in message:
            # xdist sends representations that it does not know as text
            report.longrepr = Failure(report.longrepr, Crash(*message["crash"]))  # type: ignore[assignment]
        mend_junit(self._config, report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        name = self._files.get(report.nodeid.rpartition("/")[2])
        if report.failed and name is not None:
            self.by_name[name].add({"error": str(report.longrepr)})
