"""A spec written from a running server, and the proof that it says what the server is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers import LAYERS
from pgdeploy.lint import lint
from pgdeploy.spec.writing import Remark, Word, Written, write

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.reach.server import Server

WAIVED_FOR = 90
"""Days that the waivers of a captured spec hold."""

_FINE = (Verdict.CONFORMS, Verdict.INAPPLICABLE)


@dataclass(frozen=True, slots=True)
class Draft:
    """A spec that was written from a server, before it is kept."""

    text: str
    secrets: Mapping[str, str]
    """Environment variables that it refers to, and what each is for."""
    unseen: tuple[str, ...]
    """What could not be read, and so is not in it."""
    problems: tuple[str, ...] = ()
    """Where it does not match the server."""
    unproved: Mapping[str, str] = field(default_factory=dict)
    """Checks that could not be asked, such as those that need a secret which is not set here, and why."""

    @property
    def example(self) -> str:
        """A file that names the secrets, for people to fill in elsewhere."""
        return "".join(f"# {purpose}\n{name}=\n" for name, purpose in self.secrets.items())


def draft(server: Server, head: Mapping[str | Remark, Written], first_line: str = "") -> Draft:
    """What the layers of this server say, in one spec that begins with `head`.

    Raises:
        TargetError, Unreadable: the server cannot be read.
    """
    sections: dict[str | Remark, Written] = {}
    secrets: dict[str, str] = {}
    unseen: list[str] = []
    for layer in LAYERS:
        if not layer.captures or layer.inapplicable(server):
            continue
        found = layer.capture(server)
        sections |= found.sections
        secrets |= found.secrets
        unseen += found.unseen
    spec: dict[str | Remark, Written] = (
        {"postgres": sections.pop("postgres")} if "postgres" in sections else {}
    )
    spec |= head
    spec |= {word: part for word, part in sections.items() if part not in ({}, []) or word == "hba"}
    return Draft(first_line + write(spec), secrets, tuple(unseen))


def waived(made: Draft, name: str, today: date) -> Draft:
    """The same with a waiver for each advice of lint about it, which holds for a while: time to decide.

    Raises:
        SpecError: it is no spec.
    """
    advices = lint(loaded(made, name).spec, today)
    until = Word((today + timedelta(days=WAIVED_FOR)).isoformat())
    lines: list[Written] = [
        {"rule": one.rule.id, "on": one.address, "reason": f"as captured: {one.rule.title}", "until": until}
        for one in advices
    ]
    more = write({"waivers": lines})
    return replace(made, text=f"{made.text}\n{more}") if lines else made


def proved(made: Draft, name: str, server: Server) -> Draft:
    """The same, with what the gate and the plan say of it: nothing, where it says all that the server is.

    Raises:
        TargetError: the server was lost.
    """
    try:
        target = loaded(made, name)
    except SpecError as error:
        return replace(made, problems=tuple(error.problems))
    gate = Gate(target, ConnectionOptions(), probes=False, server=server)
    findings = [finding for finding in gate.ask() if finding.verdict not in _FINE]
    planned = gate.plan(anew=False)
    unproved = {one.check.id: one.reason for one in findings if one.verdict is not Verdict.DRIFTS}
    problems = [_said(one) for one in findings if one.verdict is Verdict.DRIFTS]
    problems += [
        f"the plan would change: {statement.text}"
        for change in planned.changes
        for statement in change.statements
    ]
    return replace(made, problems=tuple(problems), unproved=unproved)


def loaded(made: Draft, name: str) -> Target:
    """The draft as a target, whose file does not stay.

    Raises:
        SpecError: it is no spec that this version of PostgreSQL allows.
    """
    with tempfile.TemporaryDirectory(prefix="pgdeploy-capture-") as folder:
        file = Path(folder) / f"{name}.yaml"
        file.write_text(made.text, encoding="utf-8")
        try:
            return load_target(file, Path(folder))
        except SpecError as error:
            raise SpecError([line.replace(f"{folder}{os.sep}", "") for line in error.problems]) from None


def _said(finding: Finding) -> str:
    return f"{finding.check.id}: desired {finding.desired}, actual {finding.actual}"
