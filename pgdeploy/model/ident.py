"""User name maps: `ident:`, lines of pg_ident.conf."""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import Field, field_validator

from pgdeploy.postgres import pg_ident
from pgdeploy.spec.model import Model
from pgdeploy.spec.text import checked
from pgdeploy.text.naming import quoted_name


class Mapped(NamedTuple):
    """What a line says: a user of the system may be a role, where a rule of pg_hba.conf names the map."""

    map: str
    system: str
    role: str

    @property
    def text(self) -> str:
        return f"{quoted_name(self.map)}: {quoted_name(self.system)} as {quoted_name(self.role)}"


class IdentLineSpec(Model):
    """One line of a user name map: a user of the system who may log in as a role."""

    map: Annotated[str, checked(pg_ident.word)] = Field(
        description="the map's name, as `options: {map: NAME}` of a rule of hba names it"
    )
    system: Annotated[str, checked(pg_ident.word)] = Field(
        description="the name that the operating system, the certificate or Kerberos says; /regex matches several"
    )
    role: Annotated[str, checked(pg_ident.role_word)] = Field(
        description=r"the role; \1 in it is what the parentheses of a /regex matched; from 16 also all, +group or "
        "/regex, and a role of such a name in double quotes"
    )

    @field_validator("role")
    @classmethod
    def _role_in_one_spelling(cls, said: str) -> str:
        return pg_ident.one_spelling(said)

    @property
    def mapping(self) -> Mapped:
        return Mapped(self.map, self.system, self.role)
