"""The deployment record: who made the host so, when, from which spec, with which packages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Measured, Outcome, Resource, same, within
from pgdeploy.errors import Unreadable
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost


RECORD = "/var/lib/pgdeploy/deployment.json"


# -- checks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deployment(HostResource):
    """The record on the host."""

    kind: ClassVar[str] = "deployment"
    declared: DeclaredHost

    def checks(self) -> Iterator[Check]:
        address, keys, spec = "deployment[record]", ("host", "deployment"), self.declared.host.deployment
        yield Check(self, address, "exists", keys, self._exists)
        yield Check(self, address, "spec", keys, self._spec)
        if spec.within is not None:
            yield Check(self, address, "within", (*keys, "within"), partial(self._within, spec.within))
        if spec.at_most is not None:
            yield Check(self, address, "at_most", (*keys, "at_most"), partial(self._at_most, spec.at_most))

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field != "exists":
            yield next(self.checks())

    def _exists(self, facts: Facts) -> Outcome:
        known = section(facts, "record")
        return same(
            "a record",
            "absent" if known is None else "a record",
            origin=RECORD,
            remedy=self.declared.remedy(),
        )

    def _spec(self, facts: Facts) -> Outcome:
        desired, actual = f"the spec {self.declared.digest()}", f"the spec {_said(facts, 'spec')}"
        origin = f"{RECORD}, {_said(facts, 'when')} by {_said(facts, 'by')}"
        return same(
            desired, actual, origin=origin, remedy=self.declared.remedy("the spec has changed since; ")
        )

    def _within(self, span: str, facts: Facts) -> Outcome:
        first = _said(facts, "first")
        actual = first["seconds"]
        remedy = "the first deploy is past: measure the next host's, or let the spec say what is right"
        took = Measured(actual, "s", at_most=seconds_of(span))
        return within(took, f"at most {span}", f"{actual:g} s", origin=first["when"], remedy=remedy)

    def _at_most(self, span: str, facts: Facts) -> Outcome:
        when = _said(facts, "when")
        try:
            age = section(facts, "os")["now"] - datetime.fromisoformat(when).timestamp()
        except ValueError:
            raise Unreadable(f"{RECORD}: `when` is no time: {when}") from None
        desired, actual = f"deployed at most {span} ago", f"deployed {_ago(age)} ago"
        measured = Measured(age, "s", at_most=seconds_of(span))
        return within(measured, desired, actual, origin=when, remedy=self.declared.remedy())


def _said(facts: Facts, field: str) -> Any:
    """A field of the record.

    Raises:
        Unreadable: it has none.
    """
    known = section(facts, "record")
    if not isinstance(known, dict) or field not in known:
        raise Unreadable(f"{RECORD} has no `{field}`")
    return known[field]


def _ago(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield Deployment(declared)
