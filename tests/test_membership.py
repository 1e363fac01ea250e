"""Memberships on real servers: which grant is mended, what an option gives, and what goes along with one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server
from tests.by_hand import load, planned, run

HEAD = "postgres: $major\nundeclared: {roles: ignore, databases: ignore, attributes: ignore}\nroles:\n"


@dataclass
class Site:
    cluster: Cluster
    folder: Path
    head: str = HEAD

    def run(self, *texts: str) -> None:
        run(self.cluster, *texts)

    def load(self, roles: str) -> Target:
        lines = "".join(f"  {line}\n" for line in roles.splitlines())
        return load(self.cluster, self.folder / "guild.yaml", self.head + lines)

    def plan(self, roles: str, by: Server | None = None) -> Plan:
        return planned(self.load(roles), by or self.cluster)

    def apply(self, roles: str, by: Server | None = None) -> list[str]:
        """Applies, and returns what the plan was; nothing is left to do then."""
        made = self.plan(roles, by)
        apply(made, by or self.cluster)
        assert texts(self.plan(roles, by)) == []
        return texts(made)

    def findings(self, roles: str) -> dict[str, Finding]:
        target = self.load(roles)
        facts = target.read(self.cluster)
        return {check.id: evaluate(check, facts) for check in target.checks}

    def red(self, roles: str) -> set[str]:
        return {known for known, found in self.findings(roles).items() if found.verdict is Verdict.DRIFTS}

    def grants(self, role: str) -> set[tuple[object, ...]]:
        """Member, grantor, and ADMIN, INHERIT and SET of each grant of a role."""
        query = (
            "SELECT member::regrole::text, grantor::regrole::text, admin_option, inherit_option, set_option "
            "FROM pg_auth_members WHERE roleid = %s::regrole"
        )
        with self.cluster.open() as connection:
            return set(connection.execute(query, [role]).fetchall())


def texts(planned: Plan) -> list[str]:
    return [statement.text for change in planned.changes for statement in change.statements]


def _site(request: pytest.FixtureRequest, major: int, folder: Path) -> Iterator[Site]:
    made = Site(request.getfixturevalue(f"server{major}"), folder)
    try:
        yield made
    finally:
        with made.cluster.open() as connection:
            query = r"SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE 'guild\_%'"
            names = ", ".join(str(row[0]) for row in connection.execute(query).fetchall())
            if names:
                connection.execute(f"DROP OWNED BY {names} CASCADE".encode())
                connection.execute(f"DROP ROLE {names}".encode())


@pytest.fixture(params=[14, 16])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from _site(request, request.param, tmp_path)


@pytest.fixture
def newer(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """One that knows the options of a membership and its grantor."""
    yield from _site(request, 16, tmp_path)


@pytest.fixture
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    yield from _site(request, 14, tmp_path)


PLAIN = "guild_group: {}\nguild_keeper: {member_of: [{role: guild_group, admin: true}]}\n"
PLAIN += "guild_app: {member_of: [guild_group]}"


def test_the_grant_of_another_is_mended_in_their_name(newer: Site) -> None:
    """A grant of our own beside it would add up with it, and stay when the spec's member goes."""
    newer.apply(PLAIN)
    newer.run(
        "REVOKE guild_group FROM guild_app",
        "GRANT guild_group TO guild_app WITH INHERIT FALSE, SET FALSE GRANTED BY guild_keeper",
    )
    newer.apply(PLAIN)
    assert newer.grants("guild_group") == {
        ("guild_keeper", "postgres", True, True, True),
        ("guild_app", "guild_keeper", False, True, True),
    }


def test_which_option_is_off_is_said(newer: Site) -> None:
    """Of a membership that the spec names without its options, PostgreSQL's defaults are what it has."""
    newer.apply(PLAIN)
    newer.run(
        "REVOKE guild_group FROM guild_app", "GRANT guild_group TO guild_app WITH INHERIT FALSE, SET TRUE"
    )
    found = newer.findings(PLAIN)["membership[guild_app in guild_group].granted"]
    assert (found.desired, found.actual) == ("granted", "granted with INHERIT FALSE")


def test_a_login_grants_in_the_name_of_who_it_may_be(newer: Site) -> None:
    """From 16 PostgreSQL takes GRANTED BY from nobody but who has the grantor's rights: they are borrowed."""
    newer.run(
        "CREATE ROLE guild_maker LOGIN CREATEROLE PASSWORD 'known'; CREATE ROLE guild_keeper; CREATE ROLE guild_app",
        "CREATE ROLE guild_group",
        "GRANT guild_group TO guild_keeper WITH ADMIN OPTION",
        "GRANT guild_keeper, guild_app, guild_group TO guild_maker WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
    )
    by = DsnServer(f"{newer.cluster.dsn} user=guild_maker password=known")
    lines = "guild_group: {}\nguild_keeper: {member_of: [{role: guild_group, admin: true}]}\n"
    lines += "guild_app: {member_of: [{role: guild_group, grantor: guild_keeper}]}"
    newer.apply(lines, by)
    assert ("guild_app", "guild_keeper", False, True, True) in newer.grants("guild_group")


def test_options_of_several_grants_add_up(newer: Site) -> None:
    newer.apply(PLAIN)
    newer.run("GRANT guild_group TO guild_app WITH INHERIT FALSE, SET FALSE GRANTED BY guild_keeper")
    assert newer.red(PLAIN) == set()
    assert newer.plan(PLAIN).changes == ()


def test_what_is_granted_by_who_keeps_admin_stays(newer: Site) -> None:
    """Of two grants of ADMIN one goes: what was granted by it hangs on the other."""
    spec = "guild_group: {}\nguild_lead: {member_of: [{role: guild_group, admin: true}]}\n"
    spec += "guild_keeper: {member_of: [{role: guild_group, admin: true, grantor: guild_lead}]}\n"
    spec += "guild_app: {member_of: [guild_group]}"
    newer.apply(spec)
    newer.run(
        "REVOKE guild_group FROM guild_app",
        "GRANT guild_group TO guild_app GRANTED BY guild_keeper",
        "GRANT guild_group TO guild_keeper WITH ADMIN OPTION",
    )
    assert newer.apply(spec) == ['REVOKE "guild_group" FROM "guild_keeper" GRANTED BY "postgres" CASCADE']
    assert ("guild_app", "guild_keeper", False, True, True) in newer.grants("guild_group")


def test_another_option_goes_and_takes_nothing_along(newer: Site) -> None:
    spec = PLAIN.replace("admin: true", "admin: true, set: false")
    newer.apply(spec)
    newer.run(
        "REVOKE guild_group FROM guild_app",
        "GRANT guild_group TO guild_app GRANTED BY guild_keeper",
        "GRANT guild_group TO guild_keeper WITH SET TRUE",
    )
    assert newer.apply(spec) == [
        'REVOKE SET OPTION FOR "guild_group" FROM "guild_keeper" GRANTED BY "postgres" CASCADE'
    ]


def test_admin_of_an_external_member_is_not_taken_and_takes_nothing_along(newer: Site) -> None:
    spec = "guild_group: {}\nguild_keeper: {state: external, member_of: [guild_group]}\n"
    spec += "guild_app: {member_of: [guild_group]}"
    newer.run("CREATE ROLE guild_keeper; CREATE ROLE guild_group; CREATE ROLE guild_app")
    newer.run(
        "GRANT guild_group TO guild_keeper WITH ADMIN OPTION",
        "GRANT guild_group TO guild_app GRANTED BY guild_keeper",
    )
    planned = newer.plan(spec)
    assert planned.changes == ()
    assert [(finding.check.id, finding.remedy.text) for finding in planned.stuck] == [
        (
            "membership[guild_keeper in guild_group].admin",
            "guild_keeper is `state: external`: who keeps it changes its memberships",
        )
    ]


def test_grantors_come_first_in_whatever_order_the_spec_names_them(newer: Site) -> None:
    names = ["guild_a", "guild_b", "guild_c", "guild_d"]
    lines = ["guild_group: {}"]
    for name, grantor in zip(names, [None, *names], strict=False):
        by = f", grantor: {grantor}" if grantor else ""
        lines.insert(0, f"{name}: {{member_of: [{{role: guild_group, admin: true{by}}}]}}")
    newer.apply("\n".join(lines))
    assert {(member, by) for member, by, *_ in newer.grants("guild_group")} == {
        ("guild_a", "postgres"),
        ("guild_b", "guild_a"),
        ("guild_c", "guild_b"),
        ("guild_d", "guild_c"),
    }


LOOSE = """\
guild_root: {superuser: true}
guild_group: {}
guild_between: {}
guild_app: {undeclared: {member_of: ignore}}"""


@pytest.mark.parametrize("option", ["ADMIN", "INHERIT", "SET", None])
def test_what_is_left_alone_may_lead_to_a_superuser_by_no_option(newer: Site, option: str | None) -> None:
    newer.apply(LOOSE)
    options = ", ".join(f"{word} {str(word == option).upper()}" for word in ("ADMIN", "INHERIT", "SET"))
    # the nearer memberships lead on: what counts is the last
    newer.run("GRANT guild_between TO guild_app", "GRANT guild_group TO guild_between")
    newer.run(f"GRANT guild_root TO guild_group WITH {options}")
    assert ("membership[guild_app].undeclared" in newer.red(LOOSE)) is (option is not None)


def test_a_group_that_the_spec_does_not_make_must_be_there(site: Site) -> None:
    spec = "guild_app: {member_of: [{role: guild_elsewhere, admin: true}]}"
    site.apply(spec.replace(", admin: true", "").replace("{role: guild_elsewhere}", ""))
    found = site.findings(spec)
    granted = found["membership[guild_app in guild_elsewhere].granted"]
    assert (granted.verdict, granted.actual, granted.remedy.text) == (
        Verdict.DRIFTS,
        "not granted",
        "role guild_elsewhere does not exist, and this spec does not make it",
    )
    admin = found["membership[guild_app in guild_elsewhere].admin"]
    assert (admin.verdict, admin.reason) == (Verdict.BLOCKED, "role guild_elsewhere does not exist")
    assert {finding.check.id for finding in site.plan(spec).stuck} == {granted.check.id, admin.check.id}
    site.run("CREATE ROLE guild_elsewhere")
    site.apply(spec)


def test_a_role_of_a_later_postgresql_is_not_one_that_others_keep(older: Site) -> None:
    """The spec is for another version than the server has."""
    spec = "guild_app: {member_of: [pg_maintain]}"
    older.head = HEAD.replace("$major", "17")
    granted = older.findings(spec)["membership[guild_app in pg_maintain].granted"]
    assert (granted.verdict, granted.reason) == (Verdict.BLOCKED, "role guild_app does not exist")
    older.run("CREATE ROLE guild_app")
    granted = older.findings(spec)["membership[guild_app in pg_maintain].granted"]
    assert (granted.verdict, granted.reason) == (Verdict.BLOCKED, "role pg_maintain does not exist")


def test_why_a_superuser_cannot_stand_as_grantor(newer: Site) -> None:
    spec = "guild_boss: {superuser: true}\nguild_group: {}\n"
    spec += "guild_app: {member_of: [{role: guild_group, grantor: guild_boss}]}"
    why = "guild_boss cannot grant it: even a superuser needs `admin: true` in guild_group"
    assert {finding.remedy.text for finding in newer.plan(spec).stuck} == {why}


def test_a_declared_membership_is_not_taken_away_before_its_grantor_can_give_it(newer: Site) -> None:
    """Someone else granted it: that grant goes only when the declared one takes its place."""
    newer.apply(PLAIN)
    newer.run(
        "REVOKE guild_group FROM guild_app",
        "GRANT guild_group TO guild_app GRANTED BY guild_keeper",
        "CREATE ROLE guild_maker LOGIN CREATEROLE PASSWORD 'known'; GRANT guild_keeper TO guild_maker",
    )
    by = DsnServer(f"{newer.cluster.dsn} user=guild_maker password=known")
    declared = PLAIN.replace("[guild_group]", "[{role: guild_group, grantor: postgres}]")
    declared += "\npostgres: {superuser: true}"
    refused = newer.plan(declared, by)
    assert texts(refused) == []
    undeclared = next(one for one in refused.stuck if one.check.id == "membership[guild_app].undeclared")
    assert undeclared.remedy.text.startswith("postgres must grant guild_group first, and cannot")
    newer.apply(declared)
    assert ("guild_app", "postgres", False, True, True) in newer.grants("guild_group")
    assert ("guild_app", "guild_keeper", False, True, True) not in newer.grants("guild_group")


def test_each_option_is_shown_where_it_is_written(newer: Site) -> None:
    spec = "postgres: {superuser: true}\nguild_group: {}\nguild_app:\n  member_of:\n    - role: guild_group\n"
    spec += "      inherit: false\n      set: true\n      grantor: postgres"
    target = newer.load(spec)
    first = HEAD.count("\n") + 1
    places = {
        check.field: target.place(check).line - first
        for check in target.checks
        if check.id.startswith("membership[guild_app")
    }
    assert places == {"undeclared": 2, "granted": 4, "admin": 4, "inherit": 5, "set": 6, "grantor": 7}


CREATOR = "guild_maker: {createrole: true, member_of: [guild_group]}\nguild_group: {}"


def test_what_the_server_gave_the_creator_stays(newer: Site) -> None:
    """From 16 who creates a role administers it: without a word on `admin` that is no drift, and no GRANT ends it."""
    newer.run("CREATE ROLE guild_maker CREATEROLE", "SET ROLE guild_maker; CREATE ROLE guild_group")
    assert newer.red(CREATOR) == {"membership[guild_maker in guild_group].granted"}
    newer.apply(CREATOR)
    assert newer.grants("guild_group") == {
        ("guild_maker", "postgres", True, False, False),
        ("guild_maker", "guild_maker", False, True, True),
    }
    assert newer.red(CREATOR) == set()


@pytest.mark.parametrize("admin", [True, False])
def test_a_word_on_admin_is_about_what_the_server_gave_too(newer: Site, admin: bool) -> None:
    newer.run("CREATE ROLE guild_maker CREATEROLE", "SET ROLE guild_maker; CREATE ROLE guild_group")
    spec = CREATOR.replace("[guild_group]", f"[{{role: guild_group, admin: {str(admin).lower()}}}]")
    newer.apply(spec)
    assert newer.grants("guild_group") == {("guild_maker", "postgres", admin, True, True)}
    assert newer.red(spec) == set()


@pytest.mark.parametrize(
    "given",
    [
        "guild_maker WITH ADMIN TRUE, INHERIT FALSE, SET FALSE GRANTED BY guild_keeper",
        "guild_maker WITH ADMIN TRUE, INHERIT TRUE, SET FALSE",
        "guild_maker WITH ADMIN TRUE, INHERIT FALSE, SET TRUE",
        "guild_other WITH ADMIN TRUE, INHERIT FALSE, SET FALSE",
    ],
    ids=["by another", "with inherit", "with set", "to who can create no role"],
)
def test_admin_that_somebody_gave_is_not_the_servers_own(newer: Site, given: str) -> None:
    spec = CREATOR + "\nguild_other: {member_of: [guild_group]}"
    newer.run(
        "CREATE ROLE guild_maker CREATEROLE; CREATE ROLE guild_group; CREATE ROLE guild_keeper",
        "CREATE ROLE guild_other; GRANT guild_group TO guild_keeper WITH ADMIN OPTION",
        f"GRANT guild_group TO {given}",
    )
    assert f"membership[{given.split(maxsplit=1)[0]} in guild_group].admin" in newer.red(spec)


def test_who_creates_a_role_is_not_made_its_administrator_twice(newer: Site) -> None:
    """From nothing, and again: the server refuses ADMIN OPTION to who has it from it (0LP01)."""
    newer.run("CREATE ROLE guild_maker LOGIN CREATEROLE PASSWORD 'known'")
    by = DsnServer(f"{newer.cluster.dsn} user=guild_maker password=known")
    administered = "{member_of: [{role: guild_group, admin: true}]}"
    spec = f"guild_group: {{}}\nguild_maker: {administered}\nguild_other: {administered}"
    spec = spec.replace("guild_maker: {", "guild_maker: {createrole: true, ")
    newer.apply(spec, by)
    assert newer.grants("guild_group") == {
        ("guild_maker", "postgres", True, False, False),
        ("guild_maker", "guild_maker", False, True, True),
        ("guild_other", "guild_maker", True, True, True),
    }
    newer.run("REVOKE guild_group FROM guild_maker GRANTED BY guild_maker CASCADE")
    newer.apply(spec, by)
    assert ("guild_maker", "guild_maker", False, True, True) in newer.grants("guild_group")


def test_a_superuser_that_creates_a_role_is_not_made_its_administrator(newer: Site) -> None:
    newer.run("CREATE ROLE guild_boss LOGIN SUPERUSER PASSWORD 'known'")
    by = DsnServer(f"{newer.cluster.dsn} user=guild_boss password=known")
    spec = "guild_group: {}\n"
    spec += "guild_boss: {superuser: true, member_of: [{role: guild_group, admin: true}]}"
    newer.apply(spec, by)
    assert newer.grants("guild_group") == {("guild_boss", "postgres", True, True, True)}


def test_a_grantor_is_of_no_account_before_16(older: Site) -> None:
    """The spec of a newer server is applied to an older one, by a login without the grantor's rights."""
    spec = "guild_group: {}\nguild_keeper: {member_of: [{role: guild_group, admin: true}]}\n"
    spec += "guild_app: {member_of: [{role: guild_group, grantor: guild_keeper}]}"
    older.run("CREATE ROLE guild_boss LOGIN CREATEROLE PASSWORD 'known'; CREATE ROLE guild_keeper")
    by = DsnServer(f"{older.cluster.dsn} user=guild_boss password=known")
    made = older.apply(spec, by)
    assert 'GRANT "guild_group" TO "guild_app"' in made
    assert not any("guild_boss" in text for text in made)
    found = older.findings(spec)["membership[guild_app in guild_group].grantor"]
    assert found.verdict is Verdict.INAPPLICABLE
    by_superuser = (
        spec.replace("grantor: guild_keeper", "grantor: guild_root") + "\nguild_root: {superuser: true}"
    )
    assert older.plan(by_superuser).stuck == ()


def test_a_membership_in_a_role_that_goes_is_nobodys_concern(site: Site) -> None:
    spec = "guild_app: {undeclared: {member_of: ignore}}\nguild_gone: {state: absent}"
    site.run("CREATE ROLE guild_app; CREATE ROLE guild_gone; GRANT guild_gone TO guild_app")
    assert site.red(spec) == {"role[guild_gone].absent"}
    assert site.apply(spec)[-1] == 'DROP ROLE "guild_gone"'
