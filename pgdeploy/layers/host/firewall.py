"""The firewall: who may reach ssh, PostgreSQL and the exporter; nftables, in a table of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.layers.host import package
from pgdeploy.layers.host.resource import HostResource, section
from pgdeploy.layers.host.rule import ANSWERS, LOOPBACK, Rule, listed
from pgdeploy.layers.host.rule import declared as rules_of
from pgdeploy.model.host.firewall import FirewallSpec, Networks
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


# -- checks --------------------------------------------------------------------------------------------

FILE = "/etc/nftables.d/pgdeploy.nft"
BOOT = "/etc/nftables.conf"
HOOK = {"type": "filter", "hook": "input", "prio": 0, "policy": "accept"}


@dataclass(frozen=True, slots=True)
class Firewall(HostResource):
    """Our table, as the kernel has it. Tables of others are their own business."""

    kind: ClassVar[str] = "firewall"
    declared: DeclaredHost
    spec: FirewallSpec

    def checks(self) -> Iterator[Check]:
        keys: Keys = ("host", "firewall")
        yield Check(self, "firewall[table]", "loaded", keys, self._loaded)
        for field, port, networks in self._ports():
            compare = partial(self._sources, port, networks)
            yield Check(self, f"firewall[{port}]", "sources", (*keys, field), compare)
        yield Check(self, "firewall[table]", "undeclared", keys, self._undeclared, "undeclared")
        yield Check(self, "firewall[table]", "boot", keys, self._boot)

    def parents(self, check: Check) -> Iterator[Check]:
        yield from package.installed(self.declared, "nftables")
        if check.field in ("sources", "undeclared"):
            yield next(self.checks())

    def _ports(self) -> Iterator[tuple[str, int, Networks]]:
        layout = self.declared.layout
        exporter = layout.host.exporter.port if layout.host.exporter else 9187
        for field, port in (("ssh", layout.ssh_port), ("postgres", layout.port), ("exporter", exporter)):
            networks = getattr(self.spec, field)
            if networks is not None:
                yield field, port, networks

    def _loaded(self, facts: Facts) -> Outcome:
        desired, table = "the table inet pgdeploy filters what comes in", section(facts, "firewall")["table"]
        if table is None:
            return Outcome(False, desired, "no such table", remedy=self.declared.remedy(f"nft -f {FILE}; "))
        chain = next((item["chain"] for item in table if item.get("chain", {}).get("name") == "input"), None)
        if chain is None:
            return Outcome(False, desired, "the table has no chain input", remedy=self.declared.remedy())
        wrong = [f"{key} {chain.get(key)}" for key, value in HOOK.items() if chain.get(key) != value]
        return Outcome(
            not wrong, desired, listing(wrong) if wrong else desired, remedy=self.declared.remedy()
        )

    def _sources(self, port: int, networks: Networks, facts: Facts) -> Outcome:
        desired = rules_of(port, networks)
        actual = [rule for rule in _rules(facts) if rule.port == port and not rule.other]
        return Outcome(desired == actual, _text(desired), _text(actual), remedy=self.declared.remedy())

    def _undeclared(self, facts: Facts) -> Outcome:
        ports = {port for _, port, _ in self._ports()}
        others = [rule for rule in _rules(facts) if rule.other or rule.port not in ports]
        extra = [rule.text for rule in others if rule not in (LOOPBACK, ANSWERS)]
        extra += [f"chain {chain}" for chain in _chains(facts) if chain != "input"]
        missing = [f"missing: {rule.text}" for rule in (LOOPBACK, ANSWERS) if rule not in others]
        late = [] if missing else [rule for rule in (LOOPBACK, ANSWERS) if _comes_late(rule, _rules(facts))]
        found = [*extra, *missing, *(f"after a drop: {rule.text}" for rule in late)]
        return Outcome(not found, "no rule beyond the spec", listing(found), remedy=self.declared.remedy())

    def _boot(self, facts: Facts) -> Outcome:
        text = section(facts, "firewall")["boot"] or ""
        lines = [line.strip() for line in text.splitlines()]
        there = any(f'include "{path}"' in lines for path in (FILE, "/etc/nftables.d/*.nft"))
        actual = f"{BOOT} includes {FILE}" if there else f"{BOOT} does not include it"
        return same(f"{BOOT} includes {FILE}", actual, remedy=self.declared.remedy())


def _rules(facts: Facts) -> list[Rule]:
    """The rules of the chain input, in order."""
    found = (item["rule"] for item in section(facts, "firewall")["table"] if "rule" in item)
    return [listed(rule) for rule in found if rule["chain"] == "input"]


def _comes_late(rule: Rule, rules: Sequence[Rule]) -> bool:
    """Whether what it lets in is dropped before it."""
    return any(before.verdict == "drop" for before in rules[: rules.index(rule)])


def _chains(facts: Facts) -> list[str]:
    return [item["chain"]["name"] for item in section(facts, "firewall")["table"] if "chain" in item]


def _text(rules: Iterable[Rule]) -> str:
    return "; ".join(rule.text for rule in rules) or "no rule"


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    if declared.host.firewall is not None:
        yield Firewall(declared, declared.host.firewall)
