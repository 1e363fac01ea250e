"""Tries of privileges, as the roles, in few transactions that are all rolled back.

What must pass without an error shares a transaction with others: one transaction id for all that is made in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.server.probes.act import Act, become
from pgdeploy.layers.server.probes.ask import Pair
from pgdeploy.layers.server.probes.script import Answer, Script, run

if TYPE_CHECKING:
    import psycopg

TOGETHER = 20
"""Tries a transaction: so few that their locks are gone in a moment."""

Results = Mapping[tuple[Pair, str], tuple[bool, str]]
"""Whether a privilege of a role on an object was allowed, and the server's words."""


@dataclass(frozen=True, slots=True)
class Try:
    """One privilege to try. `refused`: that is what must come of it."""

    pair: Pair
    word: str
    act: Act
    refused: bool = False

    @property
    def ends(self) -> bool:
        """Whether an error ends the transaction when all is as it should be."""
        return self.refused or bool(self.act.passed)

    @property
    def statements(self) -> tuple[str, str]:
        return become(self.pair[0]), self.act.statement


def run_tries(
    connection: psycopg.Connection[Any], tries: Iterable[Try], before_making: Sequence[str]
) -> Results:
    """Run all. What was stopped by anything but the privilege has no result."""
    known = list(tries)
    found: dict[tuple[Pair, str], tuple[bool, str]] = {}
    for writes in (False, True):
        before = tuple(before_making) if writes else ()
        here = [one for one in known if one.act.writes is writes]
        _run_alone(connection, [one for one in here if one.ends], before, found)
        _run_together(connection, [one for one in here if not one.ends], before, found)
    return found


def _run_alone(
    connection: psycopg.Connection[Any],
    tries: Sequence[Try],
    before: tuple[str, ...],
    found: dict[tuple[Pair, str], tuple[bool, str]],
) -> None:
    scripts = [Script((*before, *one.statements), one.act.writes) for one in tries]
    for one, answer in zip(tries, run(connection, scripts), strict=True):
        _note([one], answer, len(before), found)


def _run_together(
    connection: psycopg.Connection[Any],
    tries: Sequence[Try],
    before: tuple[str, ...],
    found: dict[tuple[Pair, str], tuple[bool, str]],
) -> None:
    """One that fails ends its transaction: those behind it are run again, without it."""
    left = list(tries)
    while left:
        chunk = left[:TOGETHER]
        statements = tuple(statement for one in chunk for statement in one.statements)
        (answer,) = run(connection, [Script((*before, *statements), chunk[0].act.writes)])
        left = left[_note(chunk, answer, len(before), found) :]


def _note(
    tries: Sequence[Try], answer: Answer, before: int, found: dict[tuple[Pair, str], tuple[bool, str]]
) -> int:
    """Keep the results of one transaction; gives how many of its tries were run."""
    refusal = answer.refusal
    stopped = len(tries) if refusal is None else max(0, refusal.at - before) // 2
    for one in tries[:stopped]:
        found[one.pair, one.word] = True, ""
    if refusal is None:
        return stopped
    acted = refusal.at >= before and (refusal.at - before) % 2 == 1
    allowed = tries[stopped].act.allowed(refusal) if acted else None
    if allowed is not None:
        one = tries[stopped]
        found[one.pair, one.word] = allowed, "" if allowed else refusal.words
    return stopped + 1
