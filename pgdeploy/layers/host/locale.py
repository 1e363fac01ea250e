"""The locale of the host: made, and the system's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


@dataclass(frozen=True, slots=True)
class Locale(HostResource):
    """One locale."""

    kind: ClassVar[str] = "locale"
    declared: DeclaredHost
    locale: str

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "locale")
        address = f"locale[{quoted_name(self.locale, dotted=True)}]"
        yield Check(self, address, "generated", keys, self._generated)
        yield Check(self, address, "default", keys, self._default)

    def _generated(self, facts: Facts) -> Outcome:
        known = {spelled(text) for text in section(facts, "locale")["known"]}
        actual = "generated" if spelled(self.locale) in known else "not generated"
        return same("generated", actual, remedy=self.declared.remedy())

    def _default(self, facts: Facts) -> Outcome:
        actual = section(facts, "locale")["system"] or "none"
        same_one = spelled(actual) == spelled(self.locale)
        return Outcome(same_one, self.locale, actual, "/etc/default/locale", remedy=self.declared.remedy())


def spelled(locale: str) -> str:
    """One spelling: C.UTF-8 is C.utf8."""
    language, dot, codeset = locale.partition(".")
    return f"{language}{dot}{codeset.lower().replace('-', '')}"


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.host.locale is not None:
        yield Locale(declared, declared.host.locale)
