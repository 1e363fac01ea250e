"""A visit to a target: its spec is loaded once, its server reached and read once, and left at the end."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import pytest

from pgdeploy.core.check import NO_TOOLS
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import Gate
from pgdeploy.gate.target import load_target
from pgdeploy.local.signals import finishing
from pgdeploy.report import findings as report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pgdeploy.core.check import Check, Finding
    from pgdeploy.gate.target import Target
    from pytest_pgdeploy.options import Options


class TargetSession:
    """One target of a run. The first thing that goes wrong is told once; all later asking is skipped."""

    def __init__(self, file: Path, options: Options) -> None:
        self.file = file
        self.name = file.stem
        self._options = options
        self._notes: list[str] = []
        self._failed = False
        self._introduced = False

    @cached_property
    def gate(self) -> Gate:
        """The checks, offline.

        Raises:
            SpecError: the file is no spec.
        """
        options = self._options
        try:
            target = load_target(self.file, options.folder)
        except BaseException:
            self._failed = True
            raise
        return Gate(target, options.way, probes=options.probes, note=self._notes.append)

    def reach(self) -> Gate:
        """The gate with its facts read.

        Raises:
            PgdeployError: they cannot be, and it is the first time that we say so.
            pytest.skip.Exception: it was said before.
        """
        self._skip_after_failure()
        try:
            self.gate.facts  # noqa: B018
        except BaseException:
            self._failed = True
            raise
        return self.gate

    def target(self) -> Target:
        """The target for users' tests. That its spec does not load, the collection has said."""
        try:
            return self.gate.target
        except SpecError:
            self._skip_after_failure()
            raise

    def _skip_after_failure(self) -> None:
        if self._failed:
            pytest.skip(f"target {self.name} could not be used: see its first error")

    def evaluate(self, check: Check, tools: Mapping[str, object] = NO_TOOLS) -> Finding:
        """What is tried on a server to throw away does not ask for the target's own."""
        gate = self.gate if check.resource.trial else self.reach()
        return gate.evaluate(check, tools)

    def introduce(self) -> dict[str, Any]:
        """What a report says of the target itself; given once, then nothing."""
        if self._introduced:
            return {}
        self._introduced = True
        return {"heading": report.heading(self.gate), "where": report.where(self.gate), "notes": self._notes}

    def close(self) -> None:
        if "gate" in self.__dict__:
            self.gate.close()


class TargetSessions:
    """All targets of a run."""

    def __init__(self, options: Options) -> None:
        self.all = tuple(TargetSession(file, options) for file in options.files)
        self._by_file = {visit.file.absolute(): visit for visit in self.all}

    def of_file(self, file: Path) -> TargetSession | None:
        return self._by_file.get(file)

    def of_name(self, name: str) -> TargetSession:
        return next(visit for visit in self.all if visit.name == name)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._close()

    def pytest_unconfigure(self) -> None:
        """Also when the session ended before it began."""
        self._close()

    def _close(self) -> None:
        with finishing():
            for visit in self.all:
                visit.close()


VISITS = pytest.StashKey[TargetSessions]()
