"""Privileges of declared roles in databases that the spec does not name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pgdeploy.core.check import Check, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import HELD
from pgdeploy.layers.server.unmanaged import LeftAlone
from pgdeploy.text.naming import listing, quoted_name


@dataclass(frozen=True, slots=True)
class UndeclaredDatabaseGrants(ServerResource):
    """Privileges of declared roles in databases that the spec does not name; counted, as we do not look inside."""

    kind: ClassVar[str] = "grant"
    declared_roles: frozenset[str]
    databases: frozenset[str]
    left: LeftAlone

    def checks(self) -> Iterator[Check]:
        yield Check(self, "grant[other databases]", "undeclared", ("databases",), self._compare, "undeclared")

    def _compare(self, facts: Facts) -> Outcome:
        found = [
            f"{quoted_name(row.role)} holds privileges on {row.granted} objects in {quoted_name(row.database)}"
            for row in facts.rows(HELD)
            if row.granted and row.role in self.declared_roles and row.database not in (None, *self.databases)
        ]
        remedy = "declare that database, or take the privileges away there"
        note = self.left.note
        return Outcome(not found, "nothing beyond the spec", listing(found), remedy=remedy, note=note)
