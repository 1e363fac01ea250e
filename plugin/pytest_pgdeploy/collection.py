"""What a run collects: the checks of the chosen specs, from the files alone, and users' own tests beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.local.trust import no_commands
from pytest_pgdeploy.item import CheckItem, item_of
from pytest_pgdeploy.node_id import file_id, text_id

if TYPE_CHECKING:
    from pgdeploy.core.check import Check
    from pytest_pgdeploy.visit import TargetSession, TargetSessions


def choose_arguments(config: pytest.Config, visits: TargetSessions) -> None:
    """With `--target` and no paths given, the specs are what is to be run, not `testpaths`."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return
    files = [visit.file.absolute() for visit in visits.all]
    tests = {test: None for folder in dict.fromkeys(file.parent for file in files) for test in _tests(folder)}
    config.args[:] = map(str, [*files, *tests])
    # or the header would speak of testpaths
    config.args_source = pytest.Config.ArgsSource.ARGS


def _tests(folder: Path) -> list[Path]:
    """They are code, so none of a folder whose specs may run nothing."""
    if no_commands():
        return []
    return sorted(folder.glob("test_*.py"))


class Collection:
    """Makes collectors of the chosen spec files, wherever pytest meets them."""

    def __init__(self, visits: TargetSessions) -> None:
        self._visits = visits

    def pytest_collect_file(self, file_path: Path, parent: pytest.Collector) -> SpecFile | None:
        visit = self._visits.of_file(file_path)
        if visit is None:
            return None
        nodeid = file_id(parent.config, file_path)
        return SpecFile.from_parent(parent, path=file_path, nodeid=nodeid, visit=visit)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """With `-m grants` no host and no VM is read; users' own tests may ask anything."""
        checks: dict[TargetSession, list[Check]] = {}
        for item in session.items:
            if not isinstance(item, CheckItem):
                return
            checks.setdefault(item.visit, []).append(item.check)
        for visit, asked in checks.items():
            visit.gate.ask_only(asked)

    def pytest_pycollect_makemodule(
        self, module_path: Path, parent: pytest.Collector
    ) -> pytest.Module | None:
        """Users' tests beside specs that are not below rootdir."""
        nodeid = file_id(parent.config, module_path)
        return None if nodeid is None else pytest.Module.from_parent(parent, path=module_path, nodeid=nodeid)


def asked_for(config: pytest.Config) -> set[str]:
    """The words of `-m`: what takes its time is tried only where one of them is its marker."""
    return set(re.findall(r"[\w-]+", config.option.markexpr))


class SpecFile(pytest.File):
    """One spec."""

    def __init__(self, *, visit: TargetSession, **rest: Any) -> None:
        super().__init__(**rest)
        self.visit = visit
        if self.config.pluginmanager.hasplugin("xdist"):
            self.add_marker(pytest.mark.xdist_group(name=visit.name))

    def collect(self) -> Iterator[CheckItem]:
        gate = self.visit.gate
        for check in (*gate.checks, *gate.target.trials(asked_for(self.config))):
            nodeid = text_id(self, check.id)
            yield item_of(check, self.visit, self, nodeid)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException]) -> Any:  # type: ignore[override]
        """What is wrong with a spec stands in the spec: no traceback."""
        if isinstance(excinfo.value, SpecError):
            return "\n".join(excinfo.value.problems)
        return super().repr_failure(excinfo)
