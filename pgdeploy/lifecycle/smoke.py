"""The smoke run: the checks that a spec chooses, and tests of the user's, within a time limit."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.core.check import Verdict
from pgdeploy.errors import TargetError
from pgdeploy.local.deadline import TooLate, deadline
from pgdeploy.local.signals import ended_with_us
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.secret.place import scrub
from pgdeploy.spec.suggest import near_miss
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.core.check import Check, Finding
    from pgdeploy.gate.gate import Gate
    from pgdeploy.model.smoke import SmokeSpec

_MOST_LINES = 20
_RED = (Verdict.DRIFTS, Verdict.UNREADABLE, Verdict.BLOCKED)


@dataclass(frozen=True, slots=True)
class Tested:
    """What pytest said of one file: its exit code, and its closing line."""

    file: str
    code: int
    said: str


@dataclass(slots=True)
class Health:
    """What a smoke run found. `asked` are the checks that it had to ask, all of them."""

    asked: int
    limit: str
    findings: list[Finding] = field(default_factory=list)
    tests: list[Tested] = field(default_factory=list)
    seconds: float = 0.0
    late: str = ""
    """What was at work when the time was over."""

    @property
    def healthy(self) -> bool:
        """Whether all of it was asked in time, and is as it should be; what proves nothing is not."""
        return not self.why

    @property
    def why(self) -> str:
        """Why it is not, in a few words."""
        red = sum(one.verdict in _RED for one in self.findings)
        failed = [one.file for one in self.tests if one.code]
        parts = [f"not done within {self.limit}: {self.late}"] if self.late else []
        parts += [f"{red} of {self.asked} checks are red"] if red else []
        parts += [f"tests failed: {', '.join(failed)}"] if failed else []
        proved = self.tests or any(one.verdict is Verdict.CONFORMS for one in self.findings)
        parts += ["nothing that was asked could be answered"] if not (parts or proved) else []
        return "; ".join(parts)

    @property
    def red(self) -> list[str]:
        """One line for each check that is red, and for each test that failed; the first of many."""
        lines = [
            f"{one.check.id}: {one.reason or one.actual}" for one in self.findings if one.verdict in _RED
        ]
        lines += [f"{one.file}: {one.said}" for one in self.tests if one.code]
        return lines[:_MOST_LINES] + (
            [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
        )

    def as_data(self) -> Mapping[str, Any]:
        """What stands beside the report of the checks."""
        tests = [{"file": one.file, "exit": one.code, "said": one.said} for one in self.tests]
        return {
            "healthy": self.healthy,
            "why": self.why,
            "seconds": round(self.seconds, 3),
            "time_limit": self.limit,
            "asked": self.asked,
            "tests": tests,
        }


def smoke(gate: Gate, section: SmokeSpec, keep: Callable[[Check], bool] = lambda _: True) -> Health:
    """Ask what the spec chooses, and of that what is to be kept.

    Raises:
        TargetError: a pattern names no check; or the target cannot be reached.
    """
    gate.checks = tuple(filter(keep, chosen(section, gate.checks)))
    gate.ask_only(gate.checks)
    health = Health(len(gate.checks), section.time_limit)
    began = time.monotonic()
    at = "reaching the server"
    try:
        with deadline(seconds_of(section.time_limit)):
            gate.facts  # noqa: B018 - what cannot be reached is no finding
            for check in gate.checks:
                at = check.id
                health.findings.append(gate.evaluate(check))
            for file in section.tests:
                at = file
                health.tests.append(_tested(gate, Path(file)))
    except TooLate:
        health.late = at
    health.seconds = time.monotonic() - began
    return health


def chosen(section: SmokeSpec, checks: Sequence[Check]) -> list[Check]:
    """The checks that the patterns name. Raises TargetError: one names none, or none is left."""
    ids = [check.id for check in checks]
    for key, patterns in (("checks", section.checks), ("without", section.without)):
        for pattern in patterns:
            if not any(map(_matcher([pattern]), ids)):
                near = near_miss(pattern, ids)
                meant = f"; did you mean {near}?" if near is not None else ""
                raise TargetError(
                    f"smoke: {key}: {pattern} names no check of this spec{meant}; `pytest --collect-only -q "
                    "--target=NAME` lists them"
                )
    wanted, left_out = _matcher(section.checks), _matcher(section.without)
    found = [check for check in checks if wanted(check.id) and not left_out(check.id)]
    if not found:
        raise TargetError("smoke: `without:` leaves no check of those that `checks:` names")
    return found


def _matcher(patterns: Sequence[str]) -> Any:
    """Whether a text is as one of the patterns says, in which * stands for any text and the rest for itself."""
    whole = "|".join(".*".join(map(re.escape, pattern.split("*"))) for pattern in patterns)
    return re.compile(whole if patterns else r"(?!)", re.DOTALL).fullmatch


def _tested(gate: Gate, file: Path) -> Tested:
    """Run pytest on one file, with the same way to the server."""
    command = [sys.executable, "-m", "pytest", f"--target={gate.target.file}", *_way(gate), "-q", str(file)]
    with (
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as running,
        ended_with_us(running),
    ):
        said, _ = running.communicate()
    lines = [line for line in said.splitlines() if line.strip()]
    return Tested(str(file), running.returncode, one_line(scrub(lines[-1].strip("= "))) if lines else "")


def _way(gate: Gate) -> Iterator[str]:
    way = gate.way
    yield f"--on={way.on}"
    for option, value in (
        ("dsn", way.dsn),
        ("ssh-config", way.ssh_config),
        ("data-dir", way.data_dir),
        ("bin-dir", way.bin_dir),
    ):
        if value is not None:
            yield f"--{option}={value}"
