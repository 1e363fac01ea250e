"""What is not there and may not be made, so that what needs it cannot be made either."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server.change import Change, Stage, ident
from pgdeploy.model.inheritance import inherited
from pgdeploy.postgres.sql_line import sql_line

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec

_MAKES = re.compile(r'CREATE (ROLE|DATABASE|SCHEMA)(?: IF NOT EXISTS)? ((?:U&)?"(?:[^"]|"")+")')

_EMPTIES = re.compile(r'DROP OWNED BY ((?:U&)?"(?:[^"]|"")+")')


class Unmade:
    """Roles, databases and schemas that are not there and may not be made, by the names that statements have."""

    def __init__(self, spec: Spec, creating: Iterable[str], changes: Iterable[Change]) -> None:
        makes = [(change.database, *made) for change in changes for made in _makes(change)]
        made = {quoted for _, kind, quoted in makes if kind == "database"}
        unmade = [quoted for one in creating if (quoted := _quoted(one)) not in made]
        self._shared = dict.fromkeys(("database", quoted) for quoted in unmade)
        """Kinds and names: a role and a database may have the same."""
        self._schemas: dict[str, set[str]] = {}
        """By the database in which one is missing."""
        self._own_schemas = {(database, quoted) for database, kind, quoted in makes if kind == "schema"}
        """Those that a database makes itself, where its template may not have one."""
        self._holding: set[str] = set()
        """Roles that keep what they hold in a database, and so cannot be dropped."""
        self._sources = {one: [source for source, _ in inherited(spec, one)] for one in creating}
        """The databases whose schemas a new one has."""

    def learn(self, refused: Change) -> None:
        self._holding |= {made[1] for one in refused.statements if (made := _EMPTIES.match(one.text))}
        for kind, quoted in _makes(refused):
            if kind != "schema":
                self._shared[kind, quoted] = None
            elif refused.database is not None:
                self._schemas.setdefault(refused.database, set()).add(quoted)

    def without(self, change: Change) -> str:
        """Why a change cannot be made without these; empty where it can."""
        for kind, quoted in self._shared:
            inside = kind == "database" and quoted == _quoted(change.database or "")
            words = (f"DATABASE {quoted}", f"TEMPLATE {quoted}") if kind == "database" else (quoted,)
            if inside or _names(change, words):
                return f"the {kind} {quoted} does not exist, and may not be made"
        for quoted in sorted(self._holding):
            if change.stage is Stage.DROP_ROLE and _names(change, (f"DROP ROLE {quoted}",)):
                return f"what the role {quoted} holds in a database may not be taken away"
        for quoted in self._lacking_schemas(change.database or ""):
            if _names(change, (f"SCHEMA {quoted}", f" {quoted}.")):
                return f"the schema {quoted} does not exist, and may not be made"
        return ""

    def _lacking_schemas(self, database: str) -> Iterator[str]:
        """Schemas that may not be made in it, or in the template that would have brought them."""
        for source in self._sources.get(database, [database]):
            for quoted in sorted(self._schemas.get(source, ())):
                if source == database or (database, quoted) not in self._own_schemas:
                    yield quoted


def _quoted(name: str) -> str:
    return sql_line(ident(name))


def _names(change: Change, words: Iterable[str]) -> bool:
    return any(word in statement.text for word in words for statement in change.statements)


def _makes(change: Change) -> Iterator[tuple[str, str]]:
    """The kind and the name of what a change makes."""
    for statement in change.statements[:1]:
        if made := _MAKES.match(statement.text):
            yield made[1].lower(), made[2]
