"""A check as a pytest item, and how its verdict becomes pytest's.

conforms passes, drifts fails; blocked and inapplicable are skipped; unreadable is an error; what is waived is an
expected failure, and with `--runxfail` a failure. A check is evaluated in the setup, because only what goes wrong
there is an error and no failure; one that uses fixtures is evaluated where a test runs, and its report says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from inspect import Parameter, Signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pgdeploy.core.check import NO_TOOLS, Check, Verdict
from pgdeploy.errors import Inapplicable, PgdeployError
from pgdeploy.report import findings as words
from pgdeploy.spec.place import Place
from pgdeploy.text.one_line import defect, escape, one_line
from pytest_pgdeploy.failure import Crash, Failure
from pytest_pgdeploy.marker import marks_of

if TYPE_CHECKING:
    from pytest_pgdeploy.visit import TargetSession


class Drift(Exception):
    """The check drifts; the message is one line."""


class Unanswered(Exception):
    """The check has no answer; the message is one line."""


class CheckItem(pytest.Item):
    """One check of one target."""

    def __init__(self, *, check: Check, visit: TargetSession, **rest: Any) -> None:
        super().__init__(**rest)
        self.check = check
        self.visit = visit
        self.data: dict[str, Any] = {}
        """The finding, once there is one."""
        self.text = ""
        """The same in words, unless the check conforms."""
        for mark in marks_of(check):
            self.add_marker(mark)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where the spec says it; in a file that the spec extends, perhaps."""
        place = self.visit.gate.target.place(self.check)
        return self.config.invocation_params.dir / escape(place.file), place.line - 1, self.name

    def setup(self) -> None:
        self._answer()

    def _answer(self, tools: Mapping[str, object] = NO_TOOLS) -> None:
        """Evaluate the check; returns where it conforms, drifts or is waived."""
        try:
            finding = self.visit.evaluate(self.check, tools)
        except PgdeployError as error:
            self.text = f"target {self.visit.name} could not be used: {error}"
            raise Unanswered(self.text.split("\n")[0]) from None
        self.data = words.as_data(finding, self.visit.gate)
        self.user_properties += _properties(self.visit.name, self.data)
        if finding.verdict is Verdict.CONFORMS:
            return
        self.text = "\n".join(words.lines_of(self.data))
        if finding.verdict is Verdict.UNREADABLE:
            raise Unanswered(one_line(finding.reason))
        if finding.verdict not in (Verdict.DRIFTS, Verdict.WAIVED):
            pytest.skip(one_line(finding.reason))

    def runtest(self) -> None:
        if self.data["verdict"] == Verdict.WAIVED:
            pytest.xfail(one_line(self.data["reason"]))  # with --runxfail it does nothing
        if self.data["verdict"] != Verdict.CONFORMS:
            raise Drift(_short(self.data))


class ToolItem(CheckItem, pytest.Function):
    """One check that uses fixtures of pytest: they are set up as for a test, and it is evaluated in the call."""

    def setup(self) -> None:
        pytest.Function.setup(self)

    def runtest(self) -> None:
        self._answer({name: self.funcargs[name] for name in self.check.tools})
        super().runtest()


def item_of(check: Check, visit: TargetSession, parent: pytest.Collector, nodeid: str) -> CheckItem:
    """The item of a check."""
    if not check.tools:
        return CheckItem.from_parent(parent, name=check.id, nodeid=nodeid, check=check, visit=visit)
    item: ToolItem = ToolItem.from_parent(
        parent, name=check.id, callobj=_asking(check.tools), check=check, visit=visit
    )
    item._nodeid = nodeid  # type: ignore[attr-defined]  # pytest's functions make their own, which would be cut at brackets
    return item


def _asking(tools: tuple[str, ...]) -> Callable[..., None]:
    """What pytest reads the names of the fixtures from, as from a test's parameters."""

    def ask(**_: object) -> None:
        """Never called: the item asks the check."""

    parameters = [Parameter(name, Parameter.KEYWORD_ONLY) for name in tools]
    ask.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return ask


def _short(data: dict[str, Any]) -> str:
    """What differs, and what there is to say of a waiver, on one line."""
    desired, actual, reason = (one_line(data[key]) for key in ("desired", "actual", "reason"))
    values = f"desired {desired}, actual {actual}" if desired or actual else ""
    return "; ".join(filter(None, (values, reason)))


def _properties(target: str, data: dict[str, Any]) -> list[tuple[str, object]]:
    """What JUnit XML and other reporters get."""
    fields = ("verdict", "desired", "actual", "reason", "origin")
    found = [("target", target), ("check", data["id"]), ("place", str(Place(**data["spec"])))]
    found += [(field, one_line(data[field])) for field in fields if data[field]]
    return [*found, *([("remedy", data["remedy"])] if data["remedy"] else [])]


class Reporting:
    """Puts the words of the finding in the place of pytest's own, and the finding itself into the report."""

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if isinstance(item, CheckItem) and (report.when == "call" or not report.passed):
            error = call.excinfo.value if call.excinfo is not None else None
            crash = _crash(item, error)
            if report.when == "call" and isinstance(error, Unanswered):
                report.when = "setup"  # an error, as of all other checks, and no failure
            if crash is not None:
                report.longrepr = Failure(item.text, crash)  # type: ignore[assignment]
            elif isinstance(error, pytest.skip.Exception):
                report.longrepr = (*_spot(item), str(error))
            elif call.excinfo is not None:
                # the locals of our frames hold passwords, so none are shown
                report.longrepr = "\n".join(defect(call.excinfo.value))
            report.pgdeploy = _message(item, error, crash)  # type: ignore[attr-defined]
        elif (visit := _target_of(item)) is not None:
            report.pgdeploy = {"target": visit.name, "used": True}  # type: ignore[attr-defined]
        return report


def _target_of(item: pytest.Item) -> TargetSession | None:
    """Whose a user's own test is, by the fixture `target`."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("target") if callspec is not None else None


def _crash(item: CheckItem, error: BaseException | None) -> Crash | None:
    ours = (Drift, Unanswered, pytest.xfail.Exception)
    return Crash(*_spot(item), str(error)) if isinstance(error, ours) else None


def _spot(item: CheckItem) -> tuple[str, int]:
    """The line of the spec; the first one for what was skipped with its target, as pytest counts by line."""
    if not item.data and not item.text:
        return str(item.visit.file), 1
    asked = item.data and not item.check.resource.trial
    sections = item.visit.gate.facts.sections if asked else {}
    for layer, lacking in sections.items():
        if isinstance(lacking, Inapplicable) and item.data["reason"] == str(lacking):
            # one line for all of them, not one for each part of the section
            return item.location[0], item.visit.gate.target.loaded.place((layer,)).line
    return item.location[0], (item.location[1] or 0) + 1


def _message(item: CheckItem, error: BaseException | None, crash: Crash | None) -> dict[str, Any]:
    """What the process that collects results needs to know; plain data, as xdist sends it."""
    message: dict[str, Any] = {"target": item.visit.name}
    if item.data:
        message["finding"] = item.data
        message |= {} if item.check.resource.trial else item.visit.introduce()
    elif error is not None and not isinstance(error, pytest.skip.Exception):
        message["error"] = item.text or "\n".join(defect(error))
    if crash is not None:
        message["crash"] = [crash.path, crash.lineno, crash.message]
    return message
