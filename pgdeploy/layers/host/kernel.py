"""The kernel as a database host wants it: memory, overcommit, huge pages, limits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.host.resource import HostResource, entry, not_in_container, section
from pgdeploy.layers.server.setting import settings
from pgdeploy.model.host.kernel import KernelSpec
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


# -- checks --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sysctl(HostResource):
    """One setting of the running kernel."""

    kind: ClassVar[str] = "kernel"
    declared: DeclaredHost
    setting: str
    value: int | str

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "kernel", "sysctl", self.setting)
        yield Check(self, f"sysctl[{quoted_name(self.setting, dotted=True)}]", "value", keys, self._compare)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        return not_in_container(facts)

    def _compare(self, facts: Facts) -> Outcome:
        actual = entry(facts, "sysctl", self.setting)
        text = "unknown to this kernel" if actual is None else actual
        return same(" ".join(str(self.value).split()), text, remedy=self.declared.remedy())


@dataclass(frozen=True, slots=True)
class Pages(HostResource):
    """Huge pages, and transparent ones."""

    kind: ClassVar[str] = "kernel"
    declared: DeclaredHost
    spec: KernelSpec

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "kernel")
        if self.spec.huge_pages is not False:
            yield Check(self, "kernel[huge_pages]", "number", (*keys, "huge_pages"), self._huge)
        if self.spec.transparent_huge_pages is not None:
            where = (*keys, "transparent_huge_pages")
            yield Check(self, "kernel[transparent_huge_pages]", "value", where, self._transparent)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        return not_in_container(facts)

    def parents(self, check: Check) -> Iterator[Check]:
        if self.spec.huge_pages is True and check.address == "kernel[huge_pages]":
            from pgdeploy.layers.host import answer

            yield answer.answers(self.declared)

    def _huge(self, facts: Facts) -> Outcome:
        desired = _needed(facts) if self.spec.huge_pages is True else int(self.spec.huge_pages)
        actual = section(facts, "huge_pages")["total"]
        return Outcome(actual >= desired, f"at least {desired}", str(actual), remedy=self.declared.remedy())

    def _transparent(self, facts: Facts) -> Outcome:
        actual = section(facts, "huge_pages")["transparent"] or "unknown to this kernel"
        return same(str(self.spec.transparent_huge_pages), actual, remedy=self.declared.remedy())


def _needed(facts: Facts) -> int:
    """The server's own count; it has none while it runs but in SQL."""
    row = facts.once(settings).get("shared_memory_size_in_huge_pages")
    if row is None:
        raise Inapplicable(
            f"PostgreSQL {facts.about.major} does not say how many huge pages it takes; write a number"
        )
    return int(row.setting)


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    spec = declared.host.kernel
    if spec is None:
        return
    yield from (Sysctl(declared, setting, value) for setting, value in spec.sysctl.items())
    yield Pages(declared, spec)
