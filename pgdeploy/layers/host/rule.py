"""Rules of nftables as values: from the JSON in which nft lists them, and from the spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import collapse_addresses, ip_address, ip_network, summarize_address_range
from json import dumps
from typing import Any, NamedTuple


class Rule(NamedTuple):
    """One rule: for a port and networks of one family (none: everybody), or in `other` what is none of these."""

    port: int | None
    networks: frozenset[str]
    verdict: str
    other: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        if self.other:
            return " ".join([*self.other, self.verdict])
        who = f"{{ {', '.join(sorted(self.networks))} }} " if self.networks else ""
        return f"{who}{self.verdict}"


LOOPBACK = Rule(None, frozenset(), "accept", ('meta iif == "lo"',))
ANSWERS = Rule(None, frozenset(), "accept", ("ct state == established, related",))
VERDICTS = ("accept", "drop", "reject", "return", "queue", "continue")


def declared(port: int, networks: Sequence[str]) -> list[Rule]:
    """The rules of one port, as `file.py` writes them."""
    families = [[network for network in networks if (":" in network) is colon] for colon in (False, True)]
    allowed = [Rule(port, collapsed(family), "accept") for family in families if family]
    return [*allowed, Rule(port, frozenset(), "drop")]


def collapsed(networks: Iterable[str]) -> frozenset[str]:
    """One spelling of a set of networks of one family: nft puts neighbours together."""
    return frozenset(map(str, collapse_addresses(map(ip_network, networks))))  # type: ignore[type-var]


def listed(rule: Mapping[str, Any]) -> Rule:
    """A rule as nft lists it."""
    port, networks, verdict, other = None, frozenset[str](), "", []
    for part in rule["expr"]:
        word = next(iter(part))
        if word in VERDICTS:
            verdict = word
        elif word == "match" and _field(part) == "tcp dport" and isinstance(part["match"]["right"], int):
            port = part["match"]["right"]
        elif word == "match" and _field(part) in ("ip saddr", "ip6 saddr") and part["match"]["op"] == "==":
            networks = collapsed(_networks(part["match"]["right"]))
        elif word != "counter":
            other.append(_text(part))
    return Rule(port, networks, verdict, tuple(other))


def _field(part: Mapping[str, Any]) -> str:
    payload = part["match"]["left"].get("payload", {})
    return f"{payload.get('protocol')} {payload.get('field')}"


def _networks(right: Any) -> Iterable[str]:
    if isinstance(right, str):
        return [right]
    if "set" in right:
        return [network for element in right["set"] for network in _networks(element)]
    if "prefix" in right:
        return [f"{right['prefix']['addr']}/{right['prefix']['len']}"]
    if "range" in right:
        first, last = map(ip_address, right["range"])
        return map(str, summarize_address_range(first, last))
    return [dumps(right)]


def _text(part: Mapping[str, Any]) -> str:
    """`meta iif == "lo"` for a match; anything else in nft's own JSON."""
    if "match" not in part:
        return dumps(part, sort_keys=True)
    match = part["match"]
    kind, key = next(iter(match["left"].items()))
    if kind not in ("meta", "ct"):
        return dumps(part, sort_keys=True)
    right = match["right"]
    words = right.get("set", [right]) if isinstance(right, dict) else right
    shown = ", ".join(sorted(map(str, words))) if isinstance(words, list) else dumps(words)
    operator = "==" if match["op"] == "in" else match["op"]
    return f"{kind} {key['key']} {operator} {shown}"
