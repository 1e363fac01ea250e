"""Event triggers: `event_triggers:` of a database. What one runs, and when, is a migration's to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Outcome
from pgdeploy.layers.server import named
from pgdeploy.layers.server.change import Change, ident
from pgdeploy.layers.server.named import Named, NamedFact
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.model.event_trigger import EventTriggerSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


_STATES: Mapping[str, bool | str] = {"O": True, "D": False, "R": "replica", "A": "always"}
_WORDS = {True: "ENABLE", False: "DISABLE", "replica": "ENABLE REPLICA", "always": "ENABLE ALWAYS"}


@dataclass(frozen=True, slots=True)
class EventTrigger(Named[EventTriggerSpec]):
    """One entry of `event_triggers:` in one database."""

    kind: ClassVar[str] = "event_trigger"
    word: ClassVar[str] = "EVENT TRIGGER"
    made_by: ClassVar[str] = "what it runs is a migration's to say"
    lost: ClassVar[str] = "what it watches or forbids"
    fields: ClassVar[tuple[str, ...]] = ("owner", "enabled")

    def compare_trait(self, fact: NamedFact) -> Outcome:
        desired, actual = self.spec.enabled, _STATES.get(fact.trait, fact.trait)
        remedy = ""
        if desired != actual and desired is not False and fact.author is not None:
            # our own statements would run it, too
            remedy = (
                f"its function is {quoted_name(fact.author)}'s, who is no superuser and could do everything by it; "
                "give the function to a superuser first"
            )
        return Outcome(desired == actual, _text(desired), _text(actual), remedy=remedy)

    def altered(self, causes: Mapping[str, str], owner: str) -> Iterator[Change]:
        if cause := causes.get("enabled"):
            word = _WORDS[self.spec.enabled or False]
            change = self.change(f"ALTER EVENT TRIGGER {ident(self.thing)} {word}", cause, owner)
            # at the end, as what comes after it may fire it
            yield replace(change, rank=1)


def _text(state: object) -> str:
    return str(state).lower() if isinstance(state, bool) else str(state)


def resources(spec: Spec) -> Iterator[ServerResource]:
    yield from named.entries(spec, "event_triggers", EventTrigger)
