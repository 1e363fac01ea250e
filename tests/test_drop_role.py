"""A role that goes, whatever it holds where: in databases with any name, and by whose grant soever."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.change import ident
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.report.plan import permitted
from tests.conftest import programs
from tests.program import pgdeploy as pgdeploy_program

NAMES = (
    "select", "user", "all", "template", "none", "sp ace", " ", 'a"b', "it's", "back\\slash", "Ünï cødé 🐘",
    "%s %d %", "--", "/*", "x; DROP ROLE leaving_it", "new\nline", "a.b", "$$", "postgresql://x", "host=nowhere", ":x",
    "a=b", "{0}",
)  # fmt: skip
ROLE = 'leaving\' "it" %s --'
SPEC = f"""\
postgres: {{major}}
undeclared: {{{{roles: ignore, databases: ignore}}}}
roles:
  "{ROLE.replace('"', chr(92) + '"')}": {{{{state: absent, reassign_owned_to: leaving_heir}}}}
  leaving_heir: {{{{}}}}
databases: {{{{leaving_known: {{{{}}}}}}}}
"""


@dataclass
class Site:
    cluster: Cluster
    major: int
    folder: Path

    def run(self, *texts: str, database: str | None = None) -> None:
        with self.cluster.open(database) as connection:
            for text in texts:
                connection.execute(text.encode())

    def target(self, spec: str = SPEC) -> Target:
        file = self.folder / "leaving.yaml"
        file.write_text(spec.format(major=self.major))
        return load_target(file)

    def plan(self, server: Cluster | DsnServer, spec: str = SPEC) -> Plan:
        target = self.target(spec)
        return plan(target.spec, target.resources, target.read(server))

    def roles(self) -> list[str]:
        query = "SELECT rolname::text FROM pg_roles WHERE rolname LIKE 'leaving%' ORDER BY 1"
        with self.cluster.open() as connection:
            return [str(row[0]) for row in connection.execute(query).fetchall()]

    def owner(self, database: str) -> str:
        query = "SELECT relowner::regrole::text FROM pg_class WHERE relname = 'thing'"
        with self.cluster.open(database) as connection:
            row = connection.execute(query).fetchone()
        assert row is not None
        return str(row[0])


@pytest.fixture(params=[14, 16, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    cluster: Cluster = request.getfixturevalue(f"server{request.param}")
    one = Site(cluster, request.param, tmp_path)
    one.run("CREATE ROLE leaving_heir", "CREATE DATABASE leaving_known")
    try:
        yield one
    finally:
        for database in (*NAMES, "leaving_known", "leaving_copy", "leaving_copy_of_copy", "leaving_new"):
            one.run(f"DROP DATABASE IF EXISTS {ident(database)} WITH (FORCE)")
        one.run(*(f"DROP ROLE {ident(role)}" for role in one.roles()))


def belongings(site: Site, databases: tuple[str, ...]) -> None:
    """The role owns the databases, and owns, holds and gives something in each."""
    site.run(f"CREATE ROLE {ident(ROLE)}")
    for database in databases:
        site.run(f"CREATE DATABASE {ident(database)} OWNER {ident(ROLE)}")
        site.run(
            f"SET ROLE {ident(ROLE)}",
            f"CREATE SCHEMA {ident(database)}",
            f"CREATE TABLE {ident(database)}.thing ()",
            f"GRANT SELECT ON {ident(database)}.thing TO PUBLIC",
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA {ident(database)} GRANT SELECT ON TABLES TO PUBLIC",
            "RESET ROLE",
            f"GRANT USAGE ON LANGUAGE sql TO {ident(ROLE)}",
            database=database,
        )


def test_from_databases_with_any_name(site: Site) -> None:
    belongings(site, NAMES)
    apply(site.plan(site.cluster), site.cluster)
    assert site.roles() == ["leaving_heir"]
    assert {site.owner(database) for database in NAMES} == {"leaving_heir"}


def test_psql_makes_the_printed_plan(site: Site) -> None:
    """And none of the names does anything where it is printed."""
    belongings(site, NAMES)
    site.target()
    script = pgdeploy_program("plan", "leaving.yaml", "--dsn", site.cluster.dsn, cwd=site.folder).stdout
    assert [line for line in script.split("\n") if not line.isprintable()] == []
    program = str((programs(16) or Path()) / "psql")
    done = subprocess.run(
        [program, "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", "x=wrong", "-d", site.cluster.dsn],
        input=script, capture_output=True, text=True, check=False, cwd=site.folder,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), script
    assert site.roles() == ["leaving_heir"]


def test_without_superuser(site: Site) -> None:
    """Who may take the rights of the role and of its heir may drop it, and keeps neither."""
    site.run("CREATE ROLE leaving_deployer LOGIN CREATEROLE CREATEDB PASSWORD 'known'")
    belongings(site, NAMES[:3])
    if site.major >= 16:
        options = "WITH ADMIN TRUE, INHERIT FALSE, SET FALSE"
        site.run(f"GRANT {ident(ROLE)}, leaving_heir TO leaving_deployer {options}")
    for database in NAMES[:3]:
        site.run(f"REVOKE ALL ON LANGUAGE sql FROM {ident(ROLE)}", database=database)
    server = DsnServer(f"{site.cluster.dsn} user=leaving_deployer password=known")
    apply(permitted(site.plan(server), destructive=True, unreadable=True), server)
    assert site.roles() == ["leaving_deployer", "leaving_heir"]
    assert {site.owner(database) for database in NAMES[:3]} == {"leaving_heir"}


COPIES = SPEC.replace(
    "{{leaving_known: {{}}}}",
    "{{leaving_known: {{}}, leaving_copy: {{from_template: leaving_known}}, leaving_new: {{}}, "
    "leaving_copy_of_copy: {{from_template: leaving_copy}}}}",
)


def test_from_databases_that_are_made_as_copies_in_the_same_plan(site: Site) -> None:
    me = ident(ROLE)
    site.run(
        f"CREATE ROLE {me}",
        f"CREATE SCHEMA mine AUTHORIZATION {me}",
        f"CREATE SCHEMA theirs; GRANT USAGE ON SCHEMA theirs TO {me}",
        f"ALTER DEFAULT PRIVILEGES FOR ROLE {me} IN SCHEMA mine GRANT SELECT ON TABLES TO PUBLIC",
        f"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {me}",
        database="leaving_known",
    )
    site.run(f"GRANT USAGE ON LANGUAGE sql TO {me}", database="template1")
    try:
        apply(site.plan(site.cluster, COPIES), site.cluster)
    finally:
        site.run("DROP OWNED BY leaving_heir", database="template1")
    assert site.roles() == ["leaving_heir"]
    assert site.plan(site.cluster, COPIES).changes == ()


@pytest.mark.parametrize("database", ["leaving_known", "sp ace"])
def test_what_others_than_the_owner_granted(site: Site, database: str) -> None:
    """DROP OWNED passes that over, in a database that the spec declares and in any other."""
    me = ident(ROLE)
    if database != "leaving_known":
        site.run(f"CREATE DATABASE {ident(database)}")
    site.run(f"CREATE ROLE {me}", "CREATE ROLE leaving_giver")
    site.run("GRANT CREATE ON DATABASE leaving_known TO leaving_giver WITH GRANT OPTION")
    site.run("SET ROLE leaving_giver", f"GRANT CREATE ON DATABASE leaving_known TO {me} WITH GRANT OPTION")
    site.run(
        "CREATE TABLE public.thing (id int, other int)",
        "CREATE FUNCTION public.thing() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT USAGE ON SCHEMA public TO leaving_giver WITH GRANT OPTION",
        "GRANT SELECT ON public.thing TO leaving_giver WITH GRANT OPTION",
        "GRANT UPDATE (id) ON public.thing TO leaving_giver WITH GRANT OPTION",
        "GRANT EXECUTE ON FUNCTION public.thing() TO leaving_giver WITH GRANT OPTION",
        "GRANT USAGE ON LANGUAGE sql TO leaving_giver WITH GRANT OPTION",
        "SET ROLE leaving_giver",
        f"GRANT USAGE ON SCHEMA public TO {me}",
        f"GRANT SELECT ON public.thing TO {me} WITH GRANT OPTION",
        f"GRANT UPDATE (id) ON public.thing TO {me}",
        f"GRANT EXECUTE ON FUNCTION public.thing() TO {me}",
        f"GRANT USAGE ON LANGUAGE sql TO {me}",
        database=database,
    )
    made = site.plan(site.cluster)
    places = [
        change.database
        for change in made.changes
        for statement in change.statements
        if 'ON DATABASE "leaving_known"' in statement.text
    ]
    assert len(places) > 1
    assert set(places) == {"leaving_known"}, "two transactions that change one ACL side by side fail"
    apply(made, site.cluster)
    assert site.roles() == ["leaving_giver", "leaving_heir"]
    assert site.plan(site.cluster).changes == ()
