"""Logins of any strength but a superuser's, and what somebody with the rights of one has given to each."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st
from psycopg.conninfo import make_conninfo
from psycopg.errors import InvalidGrantOperation

from pgdeploy.layers.server.change import ident
from pgdeploy.model.spec import Spec
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from tests.properties.server import names, run
from tests.properties.strategy import Draw

STRANGER = "law login"
"""A login that no spec speaks of."""

_PREDEFINED = ("pg_monitor", "pg_read_all_data", "pg_signal_backend", "pg_read_all_settings")
_ATTRIBUTES = ("CREATEROLE", "CREATEDB", "INHERIT", "REPLICATION", "BYPASSRLS")


@dataclass(frozen=True, slots=True)
class Membership:
    role: str
    admin: bool
    inherit: bool
    set: bool

    def sql(self, member: str, major: int) -> str:
        options = f"WITH ADMIN {self.admin}, INHERIT {self.inherit}, SET {self.set}"
        if major < 16:
            options = "WITH ADMIN OPTION" if self.admin else ""
        return f"GRANT {ident(self.role)} TO {ident(member)} {options}"


@dataclass(frozen=True, slots=True)
class Login:
    """Who makes the plan."""

    name: str
    attributes: frozenset[str] = frozenset()
    memberships: tuple[Membership, ...] = ()
    databases: tuple[str, ...] = ()
    """What it owns."""
    settings: tuple[str, ...] = ()
    """Those that it may ALTER SYSTEM and SET, from 15."""
    self_grant: str = ""
    """createrole_self_grant, from 16."""

    def make(self, server: Cluster, major: int) -> DsnServer:
        """Give it its strength, on a server where the rest is made."""
        me = ident(self.name)
        if self.name not in names(server, "SELECT rolname::text FROM pg_roles"):
            run(server, f"CREATE ROLE {me}")
        words = " ".join(word if word in self.attributes else f"NO{word}" for word in _ATTRIBUTES)
        run(server, f"ALTER ROLE {me} LOGIN NOSUPERUSER {words} CONNECTION LIMIT -1 VALID UNTIL 'infinity'")
        for membership in self.memberships:
            try:
                run(server, membership.sql(self.name, major))
            except InvalidGrantOperation:
                continue  # the other is a member of it
        for database in self.databases:
            run(server, f"ALTER DATABASE {ident(database)} OWNER TO {me}")
        for setting in self.settings if major >= 15 else ():
            run(server, f"GRANT SET, ALTER SYSTEM ON PARAMETER {setting} TO {me}")
        if self.self_grant and major >= 16:
            run(server, f"ALTER ROLE {me} SET createrole_self_grant = '{self.self_grant}'")
        run(server, f"ALTER ROLE {me} PASSWORD 'known'")
        return DsnServer(make_conninfo(server.dsn, user=self.name, password="known"))


@st.composite
def logins(draw: Draw, spec: Spec) -> Login:
    """One for a server that is as the spec says, whose roles it may be one of."""
    roles = [role for role in spec.roles if role != "postgres"]
    name = draw(st.sampled_from([STRANGER, *roles]))
    others = [role for role in (*roles, *_PREDEFINED) if role != name]
    membership = st.builds(Membership, st.sampled_from(others), st.booleans(), st.booleans(), st.booleans())
    databases = list(spec.databases)
    return Login(
        name,
        draw(st.sets(st.sampled_from(_ATTRIBUTES)).map(frozenset)),
        tuple(draw(st.lists(membership, max_size=4, unique_by=lambda one: one.role))),
        tuple(draw(st.lists(st.sampled_from(databases), max_size=3, unique=True))) if databases else (),
        tuple(draw(st.lists(st.sampled_from(_SETTINGS), max_size=2, unique=True))),
        draw(st.sampled_from(["", "set", "inherit", "set, inherit"])),
    )


_SETTINGS = ("log_min_duration_statement", "log_statement", "work_mem", "max_wal_size")
