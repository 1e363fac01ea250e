"""A rule knows one mistake: how to find it in a spec, how bad it is, and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from inspect import cleandoc
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.spec.place import dotted
from pgdeploy.text.one_line import escape

if TYPE_CHECKING:
    from pgdeploy.lint.subject import Subject
    from pgdeploy.spec.place import Keys


class Severity(StrEnum):
    """error: it will fail, lose data or let anybody in; warning: it will hurt some day; note: worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Hit(NamedTuple):
    """What a rule found: the address it speaks of, its place in the spec, and what to say."""

    address: str
    keys: Keys
    message: str


Find = Callable[["Subject"], Iterable[Hit]]


def nothing(subject: Subject) -> Iterable[Hit]:
    """Finds nothing: for rules about waivers, which speak of the advice of all the others."""
    return ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Its id never changes its meaning, as waivers name it; a rule that goes leaves a gap."""

    id: str
    severity: Severity
    title: str
    source: str
    explanation: str
    find: Find = nothing


@dataclass(frozen=True, slots=True)
class Advice:
    """One rule applied to one thing in a spec."""

    rule: Rule
    address: str
    keys: Keys
    message: str

    @property
    def text(self) -> str:
        """`severity ID address: message`, on one line whatever the names hold."""
        return f"{self.rule.severity} {self.rule.id} {escape(self.address)}: {escape(self.message)}"

    def as_data(self) -> dict[str, str]:
        """As JSON has it."""
        return {
            "rule": self.rule.id,
            "severity": str(self.rule.severity),
            "title": self.rule.title,
            "address": self.address,
            "path": dotted(self.keys),
            "message": self.message,
        }


def rule(id: str, severity: Severity, title: str, source: str) -> Callable[[Find], Rule]:
    """Makes a rule of the function that finds it; the docstring is what `pgdeploy lint --explain` says."""

    def make(find: Find) -> Rule:
        return Rule(id, severity, title, source, cleandoc(find.__doc__ or title), find)

    return make


def documentation(section: str, page: str) -> str:
    """A section of PostgreSQL's documentation; the page's name has been the same for many versions."""
    return f"PostgreSQL documentation, {section} (https://www.postgresql.org/docs/current/{page}.html)"
