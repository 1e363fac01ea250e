"""A spec written from a running server, and the proof that it says what the server is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers import LAYERS
from pgdeploy.lifecycle import update
from pgdeploy.lifecycle.update import chosen
from pgdeploy.lint import lint
from pgdeploy.spec.own import rewritten
from pgdeploy.spec.source import read_text
from pgdeploy.spec.writing import Remark, Word, Written, write

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target
    from pgdeploy.reach.server import Server

WAIVED_FOR = 90
"""Days that the waivers of a captured spec hold."""

_MOST_ROUNDS = 4
"""So often an updated spec is compared anew."""

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
    content: Mapping[str | Remark, Written] = field(default_factory=dict)
    """What the text says."""

    @property
    def example(self) -> str:
        """A file that names the secrets, for people to fill in elsewhere."""
        return "".join(f"# {purpose}\n{name}=\n" for name, purpose in self.secrets.items())


def draft(
    server: Server,
    head: Mapping[str | Remark, Written],
    first_line: str = "",
    only: Collection[str] = (),
) -> Draft:
    """What the layers of this server say, in one spec that begins with `head`; `only` these sections of it, if any.

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
    content = chosen(spec, only, head)
    text = write(content)
    secrets = {name: purpose for name, purpose in secrets.items() if not only or f"env: {name}}}" in text}
    return Draft(first_line + text, secrets, tuple(unseen), content=content)


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


def updated(old: Target, server: Server, only: Collection[str] = ()) -> Draft:
    """The text of an existing spec with what drifts as it is on the server; `only` in these sections, if any.

    Raises:
        SpecError: the file cannot be edited in place, or the server is of another version.
        TargetError, Unreadable: the server cannot be read.
    """
    fresh = draft(server, {})
    captured = loaded(fresh, old.name)
    bases = [read_text(file) for file in old.loaded.files[1:]]
    before = text = read_text(old.file)
    now = old
    # what could not be compared until something else was put right shows in the next round
    for _ in range(_MOST_ROUNDS):
        gate = _gate(now, server)
        parts = update.stale(now, gate.facts, gate.ask())
        parts = [keys for keys in parts if not only or update.section_of(keys) in only]
        content = update.brought_up(now, captured, fresh.content, parts)
        try:
            last, text = text, rewritten(text, bases, now.loaded.data, content)
        except SpecError as error:
            raise SpecError([f"{old.file}: {line}" for line in error.problems]) from None
        made = replace(fresh, text=text, secrets=_new_secrets(fresh, before, text))
        if text == last:
            break
        now = loaded(made, old.name, old)
    return made


def _gate(target: Target, server: Server) -> Gate:
    """The checks of what can be captured; how busy the server is, or how its host is, is no matter of a capture."""
    gate = Gate(target, ConnectionOptions(), probes=False, server=server)
    gate.ask_layer(*(layer.name for layer in LAYERS if layer.captures))
    return gate


def _new_secrets(fresh: Draft, before: str, text: str) -> Mapping[str, str]:
    """The secrets to which the text refers, and did not refer before."""
    return {
        name: purpose
        for name, purpose in fresh.secrets.items()
        if (used := f"env: {name}}}") in text and used not in before
    }


def proved(
    made: Draft, name: str, server: Server, *, beside: Target | None = None, only: Collection[str] = ()
) -> Draft:
    """The same, with what the gate and the plan say of it: nothing, where it says all that the server is.

    `beside` is the target whose other files it extends; `only`: what checks of other sections say does not count.

    Raises:
        TargetError: the server was lost.
    """
    try:
        target = loaded(made, name, beside)
    except SpecError as error:
        return replace(made, problems=tuple(error.problems))
    gate = _gate(target, server)
    findings = [
        finding
        for finding in gate.ask()
        if finding.verdict not in _FINE
        and (not only or update.section_of(update.place(finding.check)) in only)
    ]
    planned = gate.plan(anew=False)
    unproved = {one.check.id: one.reason for one in findings if one.verdict is not Verdict.DRIFTS}
    problems = [_said(one) for one in findings if one.verdict is Verdict.DRIFTS]
    asked = {finding.check.id for finding in findings}
    problems += [
        f"the plan would change: {statement.text}"
        for change in planned.changes
        if not only or asked.intersection(change.causes)
        for statement in change.statements
    ]
    return replace(made, problems=tuple(problems), unproved=unproved)


def loaded(made: Draft, name: str, beside: Target | None = None) -> Target:
    """The draft as a target, whose file does not stay; `beside` has the files that it extends.

    Raises:
        SpecError: it is no spec that this version of PostgreSQL allows.
    """
    with tempfile.TemporaryDirectory(prefix="pgdeploy-capture-") as folder:
        root, file = Path(folder), Path(f"{name}.yaml")
        if beside is not None:
            file = Path(os.path.relpath(beside.file, beside.loaded.root))
            for other in beside.loaded.files:
                copy = root / os.path.relpath(other, beside.loaded.root)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(other, copy)
        (root / file).write_text(made.text, encoding="utf-8")
        try:
            return load_target(root / file, root)
        except SpecError as error:
            raise SpecError([line.replace(f"{folder}{os.sep}", "") for line in error.problems]) from None


def _said(finding: Finding) -> str:
    return f"{finding.check.id}: desired {finding.desired}, actual {finding.actual}"
