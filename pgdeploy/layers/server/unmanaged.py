"""What the spec does not name of privileges and memberships: drift, or left alone where `undeclared:` says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.model.inheritance import inherited
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec

IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """Where the spec leaves alone what it does not name, in one database or of what all share."""

    field: str
    whole: bool = False
    schemas: frozenset[str] = frozenset()
    roles: frozenset[str] = frozenset()

    def covers(self, schema: str | None, *roles: str) -> bool:
        return self.whole or schema in self.schemas or not self.roles.isdisjoint(roles)

    @property
    def note(self) -> str:
        """What the gate says of it; empty where there is nothing to say."""
        parts = [f"schema {quoted_name(schema)}" for schema in self.schemas]
        parts += [f"role {quoted_name(role)}" for role in self.roles]
        where = "this database" if self.whole else listing(parts)
        what = self.field.replace("_", " ").replace("grants", "privileges")
        return f"not looked at beyond the spec: {what} of {where}" if self.whole or parts else ""


def roles_with(spec: Spec, field: str) -> frozenset[str]:
    """Roles of which the spec leaves alone what it does not name."""
    return frozenset(role for role, body in spec.roles.items() if getattr(body.undeclared, field) == IGNORE)


def left_alone(spec: Spec, target: str | None, field: str) -> LeftAlone:
    """The nearest word on the database and on each schema: a copy holds what its template held."""
    words: dict[str, str] = {}
    whole = next((policy for policy in _of_databases(spec, target, field)), "")
    for schema, policy in _of_schemas(spec, target, field):
        words.setdefault(schema, policy)
    schemas = frozenset(schema for schema, policy in words.items() if policy == IGNORE)
    return LeftAlone(field, whole == IGNORE, schemas, roles_with(spec, field))


def _of_databases(spec: Spec, target: str | None, field: str) -> Iterator[str]:
    for _, body in inherited(spec, target) if target is not None else ():
        if field in body.undeclared.model_fields_set:
            yield getattr(body.undeclared, field)


def _of_schemas(spec: Spec, target: str | None, field: str) -> Iterator[tuple[str, str]]:
    for _, body in inherited(spec, target) if target is not None else ():
        for schema, schema_body in body.schemas.items():
            if field in schema_body.undeclared.model_fields_set:
                yield schema, getattr(schema_body.undeclared, field)
