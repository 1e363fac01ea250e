"""Databases that the spec looks into and that let nobody in, or not us: one check says so, the others wait for it.

That check is the one whose drift is the reason: an attribute of the database, or the line that gives us CONNECT.
Where the spec says nothing of it, no check drifts; then one is unreadable with the server's own words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.errors import Shut
from pgdeploy.layers.server import exact
from pgdeploy.layers.server.database import Database, databases
from pgdeploy.layers.server.grant import Grants
from pgdeploy.layers.server.membership import ours
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.check import Check
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.server.grant_line import Line
    from pgdeploy.layers.server.resource import ServerResource


def with_shut(resources: Iterable[ServerResource], facts: Facts) -> Facts:
    """The facts with what is known of the databases that could not be entered."""
    if not facts.refused:
        return facts
    about: dict[str, list[Database | Grants]] = {}
    for one in resources:
        if isinstance(one, Database | Grants) and one.database is not None and one.database in facts.refused:
            about.setdefault(one.database, []).append(one)
    return facts.shutting(dict(_shut(about, facts)))


def _shut(about: Mapping[str, Sequence[Database | Grants]], facts: Facts) -> Iterator[tuple[str, Shut]]:
    for database, known in about.items():
        if any(isinstance(one, Database) and one.spec.allow_connections is False for one in known):
            continue  # nothing in it is asked
        drifting = (
            check.id
            for one in known
            for check in _reasons(one, facts)
            if evaluate(check, facts).verdict is Verdict.DRIFTS
        )
        by = next(drifting, f"grant[{quoted_name(database)}].undeclared")
        yield database, Shut(by, facts.refused[database])


def _reasons(one: Database | Grants, facts: Facts) -> Iterator[Check]:
    """The checks whose drift would be the reason."""
    if isinstance(one, Database):
        fields = _fields(one.database, facts)
        yield from (check for check in one.checks() if check.field in fields)
    elif one.database not in facts.closed:
        yield from (check for check in one.checks() if _gives_us_connect(check, facts))


def _fields(database: str, facts: Facts) -> tuple[str, ...]:
    fact = facts.once(databases)[database]
    if not fact.allow_connections:
        return "allow_connections", exact.FIELD
    return ("connection_limit", exact.FIELD) if fact.connection_limit >= 0 else ()


def _gives_us_connect(check: Check, facts: Facts) -> bool:
    line: Line | None = check.subject
    return line is not None and check.field == "granted" and line.lets_in(facts.once(ours), facts.about.major)
