"""PGD9xx: waivers, which silence advice or let checks be red for a reason and until a date; and advice about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from pgdeploy.lint.rule import Advice, Rule, Severity
from pgdeploy.text.problem import did_you_mean

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec, Waiver

_SOURCE = "the spec's own `waivers:`"

EXPIRED = Rule(
    "PGD901",
    Severity.WARNING,
    "a waiver is past its date",
    _SOURCE,
    """A waiver says that something is right here for now, and until when somebody will have looked again. After that
day it silences nothing: the advice it spoke of is back, or the check it spoke of is red again. Look at it: mend it
and take the waiver away, or write why it still holds, with a new date. A date far away is no waiver but a
decision, and belongs into the description of the spec.""",
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

NO_CHECK = Rule(
    "PGD904",
    Severity.WARNING,
    "a waiver names a check that does not exist",
    _SOURCE,
    """No check of this spec has the id, so the waiver waives nothing. It is misspelt, or what the check is about was
renamed or has gone from the spec. Ids are written as the gate prints them, such as role[app].login;
`pytest --collect-only --target NAME` lists them all without a server. Whether a check that exists is red, only the
gate knows: it says so where a waiver has nothing to waive.""",
)

RULES = (EXPIRED, IDLE, UNKNOWN, NO_CHECK)


_Scope = tuple[str, str | None]
"""A rule, and an address or None for everywhere: what a waiver speaks of."""


def valid_scopes(spec: Spec, today: date) -> frozenset[_Scope]:
    """What the spec's waivers silence today; the last day of each is included."""
    return frozenset(
        (waiver.rule, waiver.on)
        for waiver in spec.waivers
        if waiver.rule is not None and waiver.until >= today
    )


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
    checks = check_ids(spec) if any(waiver.check is not None for waiver in spec.waivers) else frozenset()
    for index, waiver in enumerate(spec.waivers):
        if waiver.check is not None:
            address, found = waiver.check, _fault_of_check(waiver, waiver.check, checks, today)
        else:
            on = f" on {waiver.on}" if waiver.on is not None else ""
            rule_id = waiver.rule or ""
            address, found = (
                f"{rule_id}{on}",
                _fault(waiver, rule_id, numbers[rule_id, waiver.on], today, ids),
            )
        if found is not None:
            rule, message = found
            yield Advice(rule, f"waiver[{address}]", ("waivers", index), message)


def check_ids(spec: Spec) -> frozenset[str]:
    """The ids of all checks of a spec, those of all layers and their probes."""
    from pgdeploy.core.layer import Declared, checks_of
    from pgdeploy.layers import LAYERS

    declared = Declared("", spec)
    return frozenset(
        check.id
        for layer in LAYERS
        for check in checks_of((*layer.resources(declared), *layer.probes(declared)))
    )


def _fault_of_check(
    waiver: Waiver, check: str, checks: Collection[str], today: date
) -> tuple[Rule, str] | None:
    if check not in checks:
        return NO_CHECK, f"there is no check {check}{did_you_mean(check, checks)}"
    if waiver.until < today:
        rest = f"where {check} is not green, the gate is red again"
        return EXPIRED, f"it held until {waiver.until}; {rest}; look again: {waiver.reason}"
    return None


def _fault(waiver: Waiver, rule: str, count: int, today: date, ids: Sequence[str]) -> tuple[Rule, str] | None:
    if rule not in ids:
        return UNKNOWN, f"there is no rule {rule}{did_you_mean(rule, ids)}"
    if waiver.until < today:
        rest = f"and {count} advice it spoke of is back" if count else "and nothing is left that it spoke of"
        return EXPIRED, f"it held until {waiver.until}, {rest}; look again: {waiver.reason}"
    if not count:
        where = f"on {waiver.on}" if waiver.on is not None else "anywhere"
        return IDLE, f"{rule} has nothing to say {where}; take the waiver away, or mend its `on:`"
    return None
