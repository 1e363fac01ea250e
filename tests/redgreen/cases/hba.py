from __future__ import annotations

from collections.abc import Callable

from tests.redgreen.bench import Bench, Case

_EXTRA, _ORDER, _LOADED = "hba[rules].undeclared", "hba[rules].order", "hba[rules].loaded"
_LOCAL = "hba[local $db,$copy $app,$of_team].method"
_REJECT = "hba[host all $ops 10.1.0.0/16].method"
_IDENT = "hba[host sameuser all samenet].method"


def _edit(change: Callable[[list[str]], list[str]], *, reload: bool = True) -> Callable[[Bench], None]:
    """Edit the rules that are not pgdeploy's own way in."""

    def by_hand(bench: Bench) -> None:
        if not reload:
            bench.next_second()
        bench.edit_hba(change)
        if reload:
            bench.reload()

    return by_hand


def _replace(old: str, new: str) -> Callable[[Bench], None]:
    return _edit(lambda lines: [line.replace(old, new) for line in lines])


CASES = (
    Case("method changed", red=_REJECT, hand=_replace("reject", "scram-sha-256"), everywhere=True),
    Case("options changed", red=_IDENT, hand=_replace("my map", "another map")),
    Case("options gone", red=_IDENT, hand=_replace('map="my map"', "")),
    Case("address changed", red=(_REJECT, _EXTRA), hand=_replace("10.1.0.0/16", "10.1.0.0/15")),
    Case("another spelling of an address", hand=_replace("10.1.0.0/16", "10.1.0.0 255.255.0.0")),
    Case("rule removed", red=_LOCAL, hand=_edit(lambda lines: lines[1:])),
    Case(
        "rule added above",
        red=_EXTRA,
        hand=_edit(lambda lines: ["local all all trust", *lines]),
        everywhere=True,
    ),
    Case("rule added below", red=_EXTRA, hand=_edit(lambda lines: [*lines, "host all all 0.0.0.0/0 trust"])),
    Case(
        "a declared rule again above, with another method",
        red=(_REJECT, _EXTRA),
        hand=_edit(lambda lines: [lines[0], lines[1].replace("reject", "trust"), *lines[1:]]),
    ),
    Case(
        "order swapped",
        red=_ORDER,
        hand=_edit(lambda lines: [lines[1], lines[0], *lines[2:]]),
        everywhere=True,
    ),
    Case("comments and blank lines", hand=_edit(lambda lines: ["# note", "", *lines, ""])),
    Case(
        "edited without a reload",
        red=_LOADED,
        hand=_edit(lambda lines: ["# note", *lines], reload=False),
        everywhere=True,
    ),
    Case(
        "edited without a reload, and wrong",
        red=(_EXTRA, _LOADED),
        hand=_edit(lambda lines: [*lines, "local all all trust"], reload=False),
    ),
    Case(
        "a line that is no rule", red=_LOADED, hand=_edit(lambda lines: [*lines, "nonsense"]), everywhere=True
    ),
    Case("a method that nobody knows", red=(_REJECT, _LOADED), hand=_replace("reject", "refuse")),
)
