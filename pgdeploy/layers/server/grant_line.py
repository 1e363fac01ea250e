"""A line of `grants:`: its check's id, and the objects and privileges that it means."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import ObjectKey
from pgdeploy.layers.server.object import keys_of, why_unclear
from pgdeploy.layers.server.routine import Unclear
from pgdeploy.model.grant import GrantSpec, ServerGrantSpec
from pgdeploy.model.inheritance import inherited
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the spec in one database (None: on the server), and where it stands."""

    database: str | None
    spec: GrantSpec
    keys: Keys

    @property
    def address(self) -> str:
        where = scope_of(self.database)
        words = ", ".join(self.spec.words)
        preposition = "to" if self.spec.to else "from"
        return f"grant[{where}: {words} on {self.spec.on.text} {preposition} {_who(self.spec.roles)}]"

    @property
    def kind(self) -> str:
        return self.spec.on.kind

    def privileges(self, major: int) -> frozenset[str]:
        return acl.meant(self.spec.words, self.kind, major)

    @property
    def source(self) -> str | None:
        """The database whose rows hold the ACLs: a database's own ACL is shared by all."""
        return None if self.spec.on.database else self.database

    def keys_in(self, facts: Facts) -> Iterable[ObjectKey]:
        if isinstance(self.spec, ServerGrantSpec):
            return [ObjectKey(self.kind, None, self.spec.on.name)]
        return keys_of(self.spec.on, facts, self.database or "")

    def lets_in(self, roles: Collection[str], major: int) -> bool:
        """Whether it gives CONNECT to one of these roles; nothing in the database need be read for that."""
        to = self.spec.to or () if self.spec.on.database else ()
        return "CONNECT" in self.privileges(major) and not set(roles).isdisjoint(to)

    def unclear(self, facts: Facts) -> Unclear | None:
        """Why the function or procedure is not the one that is meant."""
        return None if self.database is None else why_unclear(self.spec.on, facts, self.database)


def scope_of(database: str | None) -> str:
    """The scope for an id; a database called server is quoted."""
    if database is None:
        return "server"
    return quoted_name(database) if database != "server" else '"server"'


def _who(roles: Sequence[str]) -> str:
    """Grantees for an id: all of few, else the first, their number and a digest that tells lines apart."""
    if len(roles) <= 3:
        return ", ".join(map(quoted_name, roles))
    from hashlib import sha256

    digest = sha256("\0".join(roles).encode()).hexdigest()[:6]
    return f"{quoted_name(roles[0])} and {len(roles) - 1} more {digest}"


def lines_of(spec: Spec, target: str) -> Iterator[Line]:
    """Lines about a database: its own, and those of its templates but for the templates' own ACL."""
    for source, body in inherited(spec, target):
        for index, line in enumerate(body.grants):
            if source == target or not line.on.database:
                yield Line(target, line, ("databases", source, "grants", index))
