"""`default_privileges:`: what new objects give to whom, beyond what is built in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.layers.server.capture.privileges import GIVEN, PASSED_ON, TAKEN
from pgdeploy.layers.server.capture.value import privilege_words
from pgdeploy.layers.server.default_privilege import PLURAL, Scope, entries, usual
from pgdeploy.spec.writing import Written

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts


class _Said(NamedTuple):
    """What a line says of what several creators give to several roles."""

    schema: str
    kind: str
    words: tuple[str, ...]
    how: str


def captured(facts: Facts, database: str) -> list[Written]:
    """The lines about a database: creators and grantees of whom the same is true share one."""
    roles: dict[tuple[_Said, str], list[str]] = defaultdict(list)
    for scope in facts.once(entries, database):
        for role, how, words in _of(scope, facts, database):
            said = _Said(scope.schema or "", scope.kind, tuple(sorted(words)), how)
            roles[said, scope.creator].append(role)
    creators: dict[tuple[_Said, tuple[str, ...]], list[str]] = defaultdict(list)
    for (said, creator), grantees in roles.items():
        creators[said, tuple(sorted(grantees))].append(creator)
    ordered = sorted((said, sorted(makers), grantees) for (said, grantees), makers in creators.items())
    return [_written(said, makers, grantees, facts.about.major) for said, makers, grantees in ordered]


def _of(scope: Scope, facts: Facts, database: str) -> Iterator[tuple[str, str, frozenset[str]]]:
    known, built_in = facts.once(entries, database)[scope], usual(scope, facts.about.major)
    for role in {*known, *built_in}:
        given = known[role].privileges if role in known else frozenset()
        option = known[role].grantable if role in known else frozenset()
        before = built_in.get(role, frozenset())
        for how, words in ((PASSED_ON, option), (GIVEN, given - before - option), (TAKEN, before - given)):
            if words:
                yield role, how, words


def _written(said: _Said, creators: list[str], grantees: tuple[str, ...], major: int) -> Written:
    line: dict[str, Written] = {"for": creators[0] if len(creators) == 1 else list(creators)}
    if said.schema:
        line["in_schema"] = said.schema
    words = privilege_words(frozenset(said.words), said.kind, major)
    if said.how == TAKEN:
        return line | {"revoke": words, "on": PLURAL[said.kind], "from": list(grantees)}
    line |= {"grant": words, "on": PLURAL[said.kind], "to": list(grantees)}
    return line | ({"grant_option": True} if said.how == PASSED_ON else {})
