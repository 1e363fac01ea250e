"""PGD9xx: waivers, which silence advice for a reason and until a date; and advice about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from pgdeploy.lint.rule import Advice, Rule, Severity
from pgdeploy.problem import did_you_mean

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec, Waiver

_SOURCE = "the spec's own `waivers:`"

EXPIRED = Rule(
    "PGD901",
    Severity.WARNING,
    "a waiver is past its date",
    _SOURCE,
    """A waiver says that something is right here for now, and until when somebody will have looked again. After that
day it silences nothing, and the advice it spoke of is back. Look at the advice: mend it and take the waiver
away, or write why it still holds, with a new date. A date far away is no waiver but a decision, and belongs
into the description of the spec.""",
)

IDLE = Rule(
    "PGD902",
    Severity.NOTE,
    "a waiver silences nothing",
    _SOURCE,
    """No advice of this rule is given on that address, so the waiver has done its work or never had any: what it
spoke of was mended, the thing was renamed, or the address is misspelt. Left where it is, it would silence the
same mistake when somebody makes it again. Take it away, or mend its `on:`; addresses are written as
`pgdeploy lint` prints them, and a waiver without `on:` holds for every address.""",
)

UNKNOWN = Rule(
    "PGD903",
    Severity.WARNING,
    "a waiver names a rule that does not exist",
    _SOURCE,
    """The id is none of those that `pgdeploy lint` knows, so the waiver silences nothing. It is misspelt, or the
rule is from a newer version. Ids are written as they are printed, such as PGD101; docs/lint.md lists them all.""",
)

RULES = (EXPIRED, IDLE, UNKNOWN)


_Scope = tuple[str, str | None]
"""A rule, and an address or None for everywhere: what a waiver speaks of."""


def valid_scopes(spec: Spec, today: date) -> frozenset[_Scope]:
    """What the spec's waivers silence today; the last day of each is included."""
    return frozenset((waiver.rule, waiver.on) for waiver in spec.waivers if waiver.until >= today)


def waived(scopes: Container[_Scope], advice: Advice) -> bool:
    """Whether a waiver silences this advice. Advice about waivers is never silenced."""
    if advice.rule in RULES:
        return False
    return (advice.rule.id, None) in scopes or (advice.rule.id, advice.address) in scopes


def judge(spec: Spec, advices: Sequence[Advice], today: date, known: Iterable[str]) -> Iterator[Advice]:
    """What is wrong with the waivers, given all advice there is without them."""
    ids = tuple(known)
    numbers: Counter[_Scope] = Counter(
        scope for one in advices for scope in ((one.rule.id, None), (one.rule.id, one.address))
    )
    for index, waiver in enumerate(spec.waivers):
        found = _fault(waiver, numbers[waiver.rule, waiver.on], today, ids)
        if found is not None:
            rule, message = found
            on = f" on {waiver.on}" if waiver.on is not None else ""
            yield Advice(rule, f"waiver[{waiver.rule}{on}]", ("waivers", index), message)


def _fault(waiver: Waiver, count: int, today: date, ids: Sequence[str]) -> tuple[Rule, str] | None:
    if waiver.rule not in ids:
        return UNKNOWN, f"there is no rule {waiver.rule}{did_you_mean(waiver.rule, ids)}"
    if waiver.until < today:
        rest = f"and {count} advice it spoke of is back" if count else "and nothing is left that it spoke of"
        return EXPIRED, f"it held until {waiver.until}, {rest}; look again: {waiver.reason}"
    if not count:
        where = f"on {waiver.on}" if waiver.on is not None else "anywhere"
        return IDLE, f"{waiver.rule} has nothing to say {where}; take the waiver away, or mend its `on:`"
    return None
