"""Row level security: a privilege on a table works, and yet the role may see no row by it.

Policies are code of others, so none is run: it is only asked whether there is one for the role and the command.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pgdeploy.layers.server.acl import shown, table_of
from pgdeploy.layers.server.probes.statement import sql
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.layers.server.probes.ask import Question
    from pgdeploy.layers.server.probes.catalog_object import CatalogObjects

_COMMANDS = {"SELECT": "r", "INSERT": "a", "UPDATE": "w", "DELETE": "d"}
"""As pg_policy.polcmd has them. Other privileges have nothing to do with rows."""

NO_POLICY = "row level security is on and no policy is for it"


@dataclass(frozen=True, slots=True)
class RowSecurity:
    """The commands that have a policy, by role and the table's oid, where row level security binds the role."""

    things: CatalogObjects
    commands: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def without_rows(self, question: Question, word: str) -> bool:
        """Whether the role sees and writes no row by this privilege."""
        policies, command = self._policies(question), _COMMANDS.get(word)
        return policies is not None and command is not None and not {command, "*"} & set(policies)

    def note(self, questions: Iterable[Question]) -> str:
        """Where policies decide which rows a role sees."""
        found = {
            f"{shown(table_of(one.key))} for {quoted_name(one.role)}"
            for one in questions
            if self._policies(one) and not one.words.isdisjoint(_COMMANDS)
        }
        return f"policies decide which rows, and are not tried: {listing(found)}" if found else ""

    def _policies(self, question: Question) -> str | None:
        thing = self.things.get(table_of(question.key))
        return self.commands.get((question.role, thing.reference)) if thing is not None else None


def row_security(
    connection: psycopg.Connection[Any], things: CatalogObjects, questions: Iterable[Question]
) -> RowSecurity:
    """Ask about the tables of these questions, in one round trip."""
    asked = [one for one in questions if one.key.kind in ("table", "column")]
    tables = {int(things[table_of(one.key)].reference) for one in asked}
    if not tables:
        return RowSecurity(things)
    parameters = {"tables": sorted(tables), "roles": sorted({one.role for one in asked})}
    return RowSecurity(things, dict(_rows(connection, parameters)))


def _rows(
    connection: psycopg.Connection[Any], parameters: Mapping[str, object]
) -> Iterator[tuple[tuple[str, str], str]]:
    for role, table, commands in connection.execute(sql("row_security"), parameters):
        yield (role, table), commands
