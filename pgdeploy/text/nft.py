"""nftables: addresses are the only text of a spec that is in its rules."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network

from pgdeploy.text.problem import ValueProblem


def networks(texts: Iterable[str]) -> str:
    """`{ 10.0.0.0/8, 10.1.2.3 }`.

    Raises:
        ValueProblem: one is no network.
    """
    return f"{{ {', '.join(map(network, texts))} }}"


def network(text: str) -> str:
    """The network in its one spelling.

    Raises:
        ValueProblem: it is none; an address with a zone (fe80::1%eth0) is none.
    """
    why = ""
    try:
        if "%" not in text:
            return str(ip_network(text))
    except ValueError as error:
        why = f"{error}; "
    raise ValueProblem(f"{why}allowed: a network such as 10.25.20.0/24 or fd00::/8")
