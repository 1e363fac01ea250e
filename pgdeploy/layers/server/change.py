"""A change is what removes findings: statements for one database, with their causes, effect and risk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from re import DOTALL, escape, fullmatch
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from pgdeploy.core.step import Effect, Risk
from pgdeploy.postgres.sql_line import sql_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pgdeploy.secret.reference import Secret, SecretRef

_STARS = "********"
MASK = f"'{_STARS}'"
"""Stands for a password in a statement, and is all that plans and messages ever show of it."""


CREATE = "CREATE"
"""What a change needs that makes something in its database: the privilege on that, or its owner's rights."""


CREATE_FOR = "CREATE on database {} for {}"
"""What a change needs that gives something in a database to a role which may make nothing there."""

OF_A_SUPERUSER = "a superuser as its owner"
"""What a change needs that gives to a role what only superusers may own."""

CREATE_IN = "CREATE in schema "
"""What a change needs that puts something into a schema, whose name follows: the privilege, or its owner's rights."""


class Stage(IntEnum):
    """The order of work. What stands in a database is done database by database, templates first."""

    SETTING = 10
    ROLE = 20
    MEMBERSHIP = 30
    TABLESPACE = 35
    DATABASE = 40
    SCHEMA = 50
    EXTENSION = 51
    SCHEMA_AFTER_EXTENSION = 52
    OWNERSHIP = 53
    DEFAULT_PRIVILEGE = 54
    GRANT = 55
    ROW_SECURITY = 56
    OBJECT = 57
    ROLE_IN_DATABASE = 60
    HBA = 70
    DROP = 80
    DROP_ROLE = 81
    CLOSE = 90


@dataclass(frozen=True, slots=True)
class Statement:
    """One SQL statement as shown, on one line.

    A reference as `secret` is a password: its verifier takes the mask's place on sending. A `Secret` is the whole
    statement as it is sent, with what is masked in the text.
    """

    text: str
    secret: SecretRef | Secret | None = None

    def __post_init__(self) -> None:
        # names of others are in it: wherever it is printed, it is one line
        object.__setattr__(self, "text", sql_line(self.text))

    def sent(self) -> str:
        """The text for the server.

        Raises:
            SecretError: the reference gives no secret.
        """
        if self.secret is None:
            return self.text
        from pgdeploy.secret.reference import Secret, verifier

        if isinstance(self.secret, Secret):
            return self.secret.reveal()
        before, _, after = self.text.rpartition(MASK)
        return before + literal(verifier(self.secret.read())) + after

    def silenced(self, said: str) -> str:
        """What a server said of this statement, without the secret in it."""
        from pgdeploy.secret.reference import Secret, mask, mask_hashes

        if not isinstance(self.secret, Secret):
            return said if self.secret is None else mask_hashes(said)
        hidden = "(.+)".join(map(escape, self.text.split(_STARS)))
        spans = fullmatch(hidden, self.secret.reveal(), DOTALL)
        if spans is None:
            return "the server refuses it (its words are not shown: they may hold the secret)"
        return mask(said, [Secret(span.replace("''", "'")) for span in spans.groups()])


@dataclass(frozen=True, slots=True)
class HiddenText:
    """A file's text as shown, and as it is written: only `read` has the secrets in it.

    `read` raises SecretError where a reference gives none.
    """

    shown: str
    read: Callable[[], str]


class Joined(NamedTuple):
    """A membership: one grant of a role to a member, by one grantor, with its options."""

    role: str
    member: str
    grantor: str | None
    """None before 16, where it means nothing."""
    admin: bool
    inherit: bool
    set: bool


class Library(NamedTuple):
    """A library by the name that the server resolves. `at_start`: loaded by the server, not by each session."""

    name: str
    at_start: bool


class TakenAway(NamedTuple):
    """How much a change takes from somebody: privileges on objects, each for one grantee; and so on."""

    privileges: int = 0
    default_privileges: int = 0
    memberships: int = 0
    roles: int = 0

    @property
    def rights(self) -> int:
        """What lines of `grants:` and `default_privileges:` speak of."""
        return self.privileges + self.default_privileges


NOTHING = TakenAway()


@dataclass(frozen=True, slots=True)
class Change:
    """Statements that belong together.

    `database` is None for the maintenance database. `transactional` is False for what PostgreSQL runs
    only outside a transaction (CREATE DATABASE, ALTER SYSTEM). `hba` is the new text of pg_hba.conf,
    `ident` that of pg_ident.conf.
    `acts_as` are roles whose rights the statements take, when a superuser does not make them: owners, creators;
    `borrows` says that it takes a membership for that, and gives it back.
    `needs` are attributes that whoever makes it must have (superuser, createrole, createdb, replication,
    bypassrls), `ALTER SYSTEM` and a setting, `ADMIN OPTION on` and a role, or CREATE in its database. `lost` says
    what a destructive change loses; `notes` say what else it does that one would not think of. `takes` are memberships
    that are no more after it, `gives` those that are then. Within a stage of one database a higher `rank` comes later.
    `loads` are libraries that are loaded from then on: each is tried before anything is changed.
    """

    stage: Stage
    statements: tuple[Statement, ...]
    causes: tuple[str, ...]
    database: str | None = None
    effect: Effect = Effect.NONE
    risk: Risk = Risk.SAFE
    lost: str = ""
    transactional: bool = True
    acts_as: tuple[str, ...] = ()
    of_database: str = ""
    """It takes the rights of this database's owner, too, whoever that is by then."""
    borrows: bool = False
    needs: tuple[str, ...] = ()
    hba: HiddenText | None = None
    ident: str | None = None
    notes: tuple[str, ...] = ()
    takes: tuple[Joined, ...] = ()
    gives: tuple[Joined, ...] = ()
    awaits: tuple[Joined, ...] = ()
    """Memberships, by role, member and grantor, that earlier changes must have given."""
    lets: tuple[str, ...] = ()
    """Needs of later changes that there are no more after it."""
    rank: int = 0
    loads: tuple[Library, ...] = ()
    taken: TakenAway = NOTHING
    undeclared: bool = False
    """What it takes away is beyond the spec: no line says that it must go."""


def statements(*texts: str) -> tuple[Statement, ...]:
    return tuple(Statement(text) for text in texts)


@lru_cache(maxsize=65536)
def ident(name: str) -> str:
    """A quoted identifier."""
    return sql.Identifier(name).as_string()


def idents(names: Iterable[str]) -> str:
    return ", ".join(map(ident, names))


@lru_cache(maxsize=65536)
def grantee(name: str) -> str:
    """A grantee: PUBLIC is a keyword, every other name is an identifier."""
    return name if name == "PUBLIC" else ident(name)


@lru_cache(maxsize=4096)
def literal(text: str) -> str:
    """A quoted string literal."""
    return sql.Literal(text).as_string().strip()
