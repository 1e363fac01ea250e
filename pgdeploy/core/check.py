"""A check is one comparison; a finding is what it found.

A check is made from the spec alone. Its `compare` is called with the facts, and says in an `Outcome`
what is desired, what is actual and where that is written. `evaluate` turns this into a `Finding`,
after asking whether the question makes sense at all: a check whose parent is absent or shut is blocked, one that
this kind of server cannot have is inapplicable, one whose facts could not be read is unreadable.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from pgdeploy.core.remedy import NOTHING, Remedy
from pgdeploy.errors import Inapplicable, SecretError, Shut, Unreadable
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.spec.place import Keys


class Verdict(StrEnum):
    CONFORMS = "conforms"
    DRIFTS = "drifts"
    BLOCKED = "blocked"
    UNREADABLE = "unreadable"
    WAIVED = "waived"
    INAPPLICABLE = "inapplicable"


class Measured(NamedTuple):
    """A quantity that was compared: reports and trends take the number from here, and parse no text."""

    value: float
    unit: str
    """`B` or `s`: bytes or seconds."""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def fits(self) -> bool:
        """Whether it is within its limits."""
        enough = self.at_least is None or self.value >= self.at_least
        return enough and (self.at_most is None or self.value <= self.at_most)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a comparison found.

    `origin` is where the actual value is written (a file and line, a grantor); `note` is worth saying even when all
    conforms; `remedy` is what removes the drift where no step of a plan does; `measured` is the quantity, where one was
    compared.
    """

    conforms: bool
    desired: str
    actual: str
    origin: str = ""
    note: str = ""
    remedy: Remedy | str = NOTHING
    """A text is what a person does."""
    measured: Measured | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the spec as a question. `keys` is its place in the spec; `id` names it everywhere.

    `subject` is what it is about, as its resource knows it, so that nobody looks that up by the id again.
    """

    resource: Resource
    address: str
    field: str
    keys: Keys
    compare: Callable[..., Outcome]
    """Called with the facts, and in pytest with what `tools` names."""
    aspect: str = ""
    subject: Any = None
    tools: tuple[str, ...] = ()
    """Fixtures of pytest that it can use, such as `benchmark`: it is then evaluated where tests run. Without pytest
    it does without them.
    """

    @property
    def id(self) -> str:
        return f"{self.address}.{self.field}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A check and what it found, each text on one line.

    `reason` is set for blocked, unreadable, waived and inapplicable, and where a waiver has ended; `unwaived` is the
    verdict without the waiver.
    """

    check: Check
    verdict: Verdict
    desired: str = ""
    actual: str = ""
    origin: str = ""
    note: str = ""
    remedy: Remedy = NOTHING
    reason: str = ""
    unwaived: Verdict | None = None
    measured: Measured | None = None

    def __post_init__(self) -> None:
        for label in _TEXTS:
            text = getattr(self, label)
            if text:
                object.__setattr__(self, label, one_line(text, LONGEST))
        if self.remedy:
            remedy = replace(self.remedy, text=one_line(self.remedy.text, LONGEST))
            object.__setattr__(self, "remedy", remedy)


_TEXTS = ("desired", "actual", "origin", "note", "reason")
LONGEST = 1_000_000
"""As many characters of a text a finding keeps; reports have them all, people are shown fewer."""


NO_TOOLS: Mapping[str, object] = MappingProxyType({})


class Resource:
    """One thing that a layer speaks of: what its checks are, and what stands in their way."""

    kind: ClassVar[str]
    layer: ClassVar[str]
    """The name of the layer that it is a thing of."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Other layers whose facts it compares."""
    trial: ClassVar[bool] = False
    """Whether it is tried on a server to throw away, and compares what was seen there."""

    def checks(self) -> Iterator[Check]:
        """Every check of this resource, from the spec alone."""
        raise NotImplementedError

    def unasked(self, facts: Facts) -> str | None:
        """Why nothing of its layer could be asked, when another layer says so."""
        return None

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        """The absent parent without which the check means nothing; a parent has a check of its own."""
        return None

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        """Why this kind of server cannot have it."""
        return None


def evaluate(
    check: Check, facts: Facts, *, parents: bool = True, tools: Mapping[str, object] = NO_TOOLS
) -> Finding:
    """Ask one question.

    With `parents=False` an absent parent does not block: the plan asks so, because it will make it. `tools` are those
    that the check names, by their names.
    """
    reason = check.resource.unasked(facts)
    if reason is not None:
        return Finding(check, Verdict.BLOCKED, reason=reason)
    try:
        reason = check.resource.inapplicable(facts, check)
        if reason is not None:
            return Finding(check, Verdict.INAPPLICABLE, reason=reason)
        reason = check.resource.blocked_by(facts, check) if parents else None
        if reason is not None:
            return Finding(check, Verdict.BLOCKED, reason=reason)
        found = check.compare(facts, **tools)
    except Inapplicable as error:
        return Finding(check, Verdict.INAPPLICABLE, reason=str(error))
    except (Unreadable, SecretError) as error:
        if parents and isinstance(error, Shut) and error.by != check.id:
            return Finding(check, Verdict.BLOCKED, reason=f"{error.by}: {error}")
        return Finding(check, Verdict.UNREADABLE, reason=str(error))
    verdict = Verdict.CONFORMS if found.conforms else Verdict.DRIFTS
    texts = (found.desired, found.actual, found.origin, found.note)
    return Finding(check, verdict, *texts, Remedy.of(found.remedy), measured=found.measured)


@dataclass(frozen=True, slots=True)
class _Parent:
    """A check, known by its id: many wait for one, and it is evaluated once."""

    id: str
    check: Check = field(compare=False)


def _finding_of(facts: Facts, parent: _Parent) -> Finding:
    return evaluate(parent.check, facts)


def held_up(parent: Check, facts: Facts) -> str | None:
    """Why the children of this check mean nothing: it drifts, or is itself blocked; None when it conforms.

    Raises:
        Unreadable: so is the parent.
    """
    found = facts.once(_finding_of, _Parent(parent.id, parent))
    if found.verdict in (Verdict.CONFORMS, Verdict.INAPPLICABLE):
        return None
    if found.verdict is Verdict.UNREADABLE:
        raise Unreadable(found.reason)
    if found.verdict is Verdict.BLOCKED:
        return found.reason
    return f"{parent.id} drifts: {found.actual}"


def within(
    measured: Measured, desired: str, actual: str, *, origin: str = "", remedy: Remedy | str = NOTHING
) -> Outcome:
    """Whether a quantity is within its limits; the texts are for people."""
    return Outcome(measured.fits, desired, actual, origin, remedy=remedy, measured=measured)


def same(desired: str, actual: str, *, origin: str = "", remedy: Remedy | str = NOTHING) -> Outcome:
    """Whether two texts are one."""
    return Outcome(desired == actual, desired, actual, origin, remedy=remedy)
