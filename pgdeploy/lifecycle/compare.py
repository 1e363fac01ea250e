"""Two targets set against each other: what one says and the other does not, or says otherwise."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from pgdeploy.lifecycle.statements import Said, Statement, Statements, statements

if TYPE_CHECKING:
    from pgdeploy.gate.target import Target

NOTHING = "absent"


class Difference(NamedTuple):
    """One statement; what the first and the second target say of it, None where one says nothing."""

    statement: Statement
    first: Said | None
    second: Said | None

    @property
    def values(self) -> tuple[str, str]:
        return tuple(NOTHING if said is None else said.value for said in self[1:])  # type: ignore[return-value]


def differences(first: Target, second: Target) -> list[Difference]:
    """In the order of the first, then what only the second says.

    Of a thing that one of them lacks only that is told, and not each of its attributes.
    """
    one, other = statements(first.spec), statements(second.spec)
    found = [
        Difference(statement, one.get(statement), other.get(statement))
        for statement in dict.fromkeys((*one, *other))
        if _value(one.get(statement)) != _value(other.get(statement))
    ]
    found += _order(one, other)
    lacking = {
        (difference.statement.kind, difference.statement.thing)
        for difference in found
        if difference.statement.field == "exists" and None in difference[1:]
    }
    return [
        difference
        for difference in found
        if difference.statement.field == "exists" or difference.statement[:2] not in lacking
    ]


def _order(one: Statements, other: Statements) -> Iterator[Difference]:
    """Of the rules of pg_hba.conf that both have: the first one that fits counts, so their order is something said."""
    texts = [
        "; ".join(statement.thing for statement in said if statement.kind == "hba" and statement in common)
        for said, common in ((one, other), (other, one))
    ]
    if texts[0] != texts[1]:
        first, second = (Said(text, ("hba",)) for text in texts)
        yield Difference(Statement("hba", "rules", "order"), first, second)


def undeclared(found: Sequence[Difference], declared: Sequence[Difference]) -> list[Difference]:
    """The differences of two servers without those that their specs declare in the same way."""
    said = {(difference.statement, difference.values) for difference in declared}
    return [difference for difference in found if (difference.statement, difference.values) not in said]


def without(found: Sequence[Difference], patterns: Sequence[str]) -> list[Difference]:
    """The differences whose id fits none of these; `*` stands for any text, and all else for itself."""
    known = [re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL) for pattern in patterns]
    return [one for one in found if not any(pattern.fullmatch(one.statement.text) for pattern in known)]


def as_data(found: Sequence[Difference], first: Target, second: Target) -> dict[str, Any]:
    """The same as JSON."""
    return {
        "first": first.name,
        "second": second.name,
        "differences": [
            {
                "id": difference.statement.text,
                "kind": difference.statement.kind,
                "first": difference.first and difference.first.value,
                "second": difference.second and difference.second.value,
                "places": [_place(first, difference.first), _place(second, difference.second)],
            }
            for difference in found
        ],
    }


def lines(found: Sequence[Difference], first: Target, second: Target) -> list[str]:
    """The same for people: by kind, the two values side by side."""
    said: list[str] = []
    kind = ""
    for difference in found:
        if difference.statement.kind != kind:
            kind = difference.statement.kind
            said.append(f"{kind}:")
        one, other = difference.values
        said.append(f"  {difference.statement.text}")
        for target, value, place in ((first, one, difference.first), (second, other, difference.second)):
            where = _place(target, place)
            said.append(f"    {target.name}: {value}" + (f"  ({where})" if where else ""))
    return said


def _value(said: Said | None) -> str | None:
    return None if said is None else said.value


def _place(target: Target, said: Said | None) -> str | None:
    """Where it is written; what was captured of a server stands nowhere."""
    return str(target.place_of(said.keys)) if said is not None and target.file.exists() else None
