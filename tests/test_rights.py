"""Least privilege on 14 and 16: what is not ours to do is said, what cannot be read is never taken for absent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.errors import ApplyError, PlanError
from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.layers.server.setting import SETTINGS
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.report.plan import permitted

SPEC = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
settings: {{work_mem: 8MB}}
hba:
  - {{type: local, database: all, user: all, method: scram-sha-256}}
roles:
  rights_owner: {{login: true, password: {{env: RIGHTS_PASSWORD}}, settings: {{work_mem: 16MB}}}}
  rights_reader: {{login: false, member_of: [rights_owner]}}
  rights_root: {{superuser: true}}
  rights_walker: {{login: true, replication: true}}
databases:
  rights_app:
    owner: rights_owner
    schemas: {{s: {{owner: rights_owner}}}}
    grants:
      - {{grant: [USAGE], on: {{schema: s}}, to: [rights_reader]}}
      - {{grant: [CONNECT], on: database, to: [rights_reader]}}
      - {{revoke: [CONNECT], on: database, from: [PUBLIC]}}
    default_privileges:
      - {{for: rights_owner, in_schema: s, grant: [SELECT], on: tables, to: [rights_reader]}}
"""
CREATED = {"rights_app", "rights_other"}


@dataclass
class Site:
    """A server and what a user of it plans and applies."""

    cluster: Cluster
    major: int
    folder: Path
    root: psycopg.Connection[tuple[object, ...]]

    def add_user(self, name: str, attributes: str = "") -> str:
        self.root.execute(f"CREATE ROLE {name} LOGIN {attributes} PASSWORD 'known'".encode())
        return name

    def by(self, user: str | None) -> DsnServer:
        return DsnServer(f"{self.cluster.dsn} user={user} password=known" if user else self.cluster.dsn)

    def plan(self, user: str | None, spec: str = SPEC) -> Plan:
        file = self.folder / "rights.yaml"
        file.write_text(spec.format(major=self.major))
        target = load_target(file)
        return plan(target.spec, target.resources, target.read(self.by(user)))

    def findings(self, user: str, spec: str = SPEC) -> dict[str, Finding]:
        """What the gate would say, by id."""
        file = self.folder / "rights.yaml"
        file.write_text(spec.format(major=self.major))
        target = load_target(file)
        facts = target.read(self.by(user))
        return {check.id: evaluate(check, facts) for check in target.checks}

    def apply(self, user: str | None, spec: str = SPEC) -> None:
        apply(permitted(self.plan(user, spec), destructive=False, unreadable=True), self.by(user))

    def memberships(self, user: str) -> list[str]:
        """The roles whose rights this user has; from 16 its creator administers a role without having them."""
        options = "AND (m.inherit_option OR m.set_option)" if self.major >= 16 else ""
        query = (
            f"SELECT m.roleid::regrole::text FROM pg_auth_members m WHERE m.member = %s::regrole {options}"
        )
        return [str(row[0]) for row in self.root.execute(query.encode(), [user]).fetchall()]


@pytest.fixture(params=[14, 16, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("RIGHTS_PASSWORD", "of the owner")
    cluster: Cluster = request.getfixturevalue(f"server{request.param}")
    with cluster.open() as root:
        try:
            yield Site(cluster, request.param, tmp_path, root)
        finally:
            _clean(root)


def _clean(root: psycopg.Connection[tuple[object, ...]]) -> None:
    root.execute("ALTER SYSTEM RESET work_mem")
    root.execute("SELECT pg_reload_conf()")
    for name in CREATED:
        root.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
    query = r"SELECT quote_ident(rolname) FROM pg_roles WHERE rolname LIKE 'rights\_%'"
    names = ", ".join(str(row[0]) for row in root.execute(query.encode()).fetchall())
    if names:
        root.execute(f"DROP OWNED BY {names} CASCADE".encode())
        root.execute(f"DROP ROLE {names}".encode())


@pytest.fixture
def deployer(site: Site) -> str:
    return site.add_user("rights_deployer", "CREATEROLE CREATEDB")


def stuck(planned: Plan) -> dict[str, str]:
    return {finding.check.id: finding.remedy.text for finding in planned.stuck}


def unreadable(planned: Plan) -> dict[str, str]:
    return {finding.check.id: finding.reason for finding in planned.unreadable}


def statements(planned: Plan) -> list[str]:
    return [statement.text for change in planned.changes for statement in change.statements]


# -- a deployer with CREATEROLE and CREATEDB -----------------------------------------------------------


def test_the_plan_says_what_it_may_not_do(site: Site, deployer: str) -> None:
    found = stuck(site.plan(deployer))
    assert found["setting[work_mem].value"] == "rights_deployer may not: it needs ALTER SYSTEM work_mem"
    assert found["role[rights_root].superuser"] == "rights_deployer may not: it needs superuser"
    assert found["role[rights_walker].replication"] == "rights_deployer may not: it needs replication"


def test_what_it_may_not_read_is_unreadable(site: Site, deployer: str) -> None:
    found = unreadable(site.plan(deployer))
    assert "permission denied" in found["setting[files].loaded"]
    # in the server's words, which differ by version
    assert re.search("permission denied|pg_read_all_settings", found["hba[local all all].method"])
    site.apply(None)
    # a login shows that it is right
    assert "role[rights_owner].password" not in unreadable(site.plan(deployer))
    assert not any("PASSWORD" in text for text in statements(site.plan(deployer)))


def test_nothing_is_done_on_what_was_not_read_unasked(site: Site, deployer: str) -> None:
    with pytest.raises(PlanError, match=r"setting\[files\]\.loaded: file_settings could not be read"):
        permitted(site.plan(deployer), destructive=False, unreadable=False)


def test_the_rest_is_done_in_one_go(site: Site, deployer: str) -> None:
    before = stuck(site.plan(deployer))
    site.apply(deployer)
    after = site.plan(deployer)
    assert statements(after) == []
    assert stuck(after) == before
    assert site.memberships(deployer) == []


def test_a_superuser_finds_only_what_was_refused(site: Site, deployer: str) -> None:
    refused = stuck(site.plan(deployer))
    site.apply(deployer)
    by_superuser = site.plan(None)
    # whoever creates a role administers it from 16, which the spec does not say of the deployer; with that goes what
    # it granted
    made = {
        "membership[rights_owner].undeclared",
        "membership[rights_reader].undeclared",
        "membership[rights_reader in rights_owner].granted",
    }
    left = {*refused, *_hba(by_superuser), *(made if site.major >= 16 else ())}
    assert {*by_superuser.drifts, *stuck(by_superuser)} == left
    site.apply(None)
    assert statements(site.plan(None)) == []


def _hba(planned: Plan) -> set[str]:
    """The shared server's own rules, which no plan by DSN changes."""
    return {name for name in stuck(planned) if name.startswith("hba[")}


def test_a_database_that_is_refused_leaves_no_membership(site: Site, deployer: str) -> None:
    """CREATE DATABASE is its own transaction: what was borrowed for it is given back by hand."""
    site.apply(None)
    site.root.execute("DROP DATABASE rights_app")
    site.root.execute("GRANT rights_owner TO rights_deployer WITH ADMIN OPTION")
    site.root.execute("REVOKE rights_owner FROM rights_deployer")
    if site.major >= 16:
        site.root.execute("GRANT rights_owner TO rights_deployer WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    planned = permitted(site.plan(deployer), destructive=False, unreadable=True)
    site.root.execute("CREATE DATABASE rights_app")  # somebody was quicker
    with pytest.raises(ApplyError, match="already exists"):
        apply(planned, site.by(deployer))
    assert site.memberships(deployer) == []


def test_who_inherits_nothing_does_less_in_one_go(site: Site) -> None:
    """Before 16 a membership is of no use to a role with NOINHERIT; from 16 each has its own INHERIT."""
    user = site.add_user("rights_noinherit", "CREATEROLE CREATEDB NOINHERIT")
    refused = stuck(site.plan(user)).get("database[rights_app].exists", "")
    assert ("it is NOINHERIT" in refused) == (site.major < 16)
    site.apply(user)
    assert statements(site.plan(user)) == []
    assert site.memberships(user) == []


# -- the deployer is in the spec itself -----------------------------------------------------------------

ITSELF = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles:
  rights_deployer: {{login: true, createrole: true, createdb: true, member_of: [DECLARED]}}
  rights_owner: {{}}
databases:
  rights_app:
    owner: rights_owner
    schemas: {{s: {{owner: rights_owner}}}}
"""


def options(site: Site) -> set[tuple[bool, bool]]:
    """INHERIT and SET of the deployer's memberships in the owner, but for what the server gave a creator."""
    query = """
        SELECT DISTINCT inherit_option, set_option FROM pg_auth_members
        WHERE member = 'rights_deployer'::regrole AND roleid = 'rights_owner'::regrole AND grantor <> 10"""
    if site.major < 16:
        query = "SELECT true, true FROM pg_auth_members WHERE member = 'rights_deployer'::regrole"
    return {(bool(one), bool(other)) for one, other in site.root.execute(query.encode()).fetchall()}


@pytest.mark.parametrize("known", [False, True], ids=["from nothing", "the role is there"])
def test_a_declared_membership_of_its_own_stays(site: Site, deployer: str, known: bool) -> None:
    spec = ITSELF.replace("DECLARED", "rights_owner")
    if known:
        options_ = "WITH INHERIT FALSE, SET FALSE" if site.major >= 16 else ""
        with psycopg.connect(f"{site.cluster.dsn} user={deployer} password=known", autocommit=True) as own:
            own.execute("CREATE ROLE rights_owner")
            own.execute("CREATE DATABASE rights_app")
            own.execute(f"GRANT rights_owner TO {deployer} {options_}".encode())
    site.apply(deployer, spec)
    assert options(site) != set()
    after = site.plan(deployer, spec)
    assert statements(after) == []
    assert stuck(after) == {}


@pytest.mark.parametrize(("inherit", "set_"), [(False, True), (True, False), (False, False)])
def test_what_was_borrowed_gets_its_options_back(
    site: Site, deployer: str, inherit: bool, set_: bool
) -> None:
    if site.major < 16:
        pytest.skip("16 brought options")
    declared = f"{{{{role: rights_owner, inherit: {str(inherit).lower()}, set: {str(set_).lower()}}}}}"
    spec = ITSELF.replace("DECLARED", declared)
    site.apply(deployer, spec)
    assert options(site) == {(inherit, set_)}
    assert statements(site.plan(deployer, spec)) == []
    site.root.execute(
        "ALTER DATABASE rights_app OWNER TO postgres; ALTER DATABASE rights_app OWNER TO rights_owner"
    )
    site.root.execute("DROP DATABASE rights_app")
    site.apply(deployer, spec)
    assert options(site) == {(inherit, set_)}
    assert statements(site.plan(deployer, spec)) == []


def test_a_membership_that_the_plan_takes_away_is_of_no_use_later(site: Site, deployer: str) -> None:
    spec = ITSELF.replace("DECLARED", "")
    site.root.execute(f"SET ROLE {deployer}; CREATE ROLE rights_owner; RESET ROLE".encode())
    options_ = "WITH INHERIT TRUE, SET TRUE" if site.major >= 16 else ""
    site.root.execute(
        f"SET ROLE {deployer}; GRANT rights_owner TO {deployer} {options_}; RESET ROLE".encode()
    )
    assert site.memberships(deployer) == ["rights_owner"]
    site.apply(deployer, spec)
    assert site.memberships(deployer) == []
    assert statements(site.plan(deployer, spec)) == []


# -- logins with fewer rights --------------------------------------------------------------------------


def test_a_login_without_rights_reads_what_all_may(site: Site) -> None:
    site.apply(None)
    site.root.execute("GRANT CONNECT ON DATABASE rights_app TO PUBLIC")
    found = site.findings(site.add_user("rights_nobody"))
    assert found["role[rights_owner].password"].verdict is Verdict.CONFORMS
    assert found["role[rights_owner].login"].verdict is Verdict.CONFORMS
    assert found["schema[rights_app: s].owner"].verdict is Verdict.CONFORMS
    absent = [name for name, finding in found.items() if "absent" in finding.actual]
    assert absent == []


UNMADE = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles:
  rights_nobody: {{login: true}}
  rights_reader: {{}}
  rights_unmade: {{}}
databases:
  rights_app:
    owner: rights_nobody
    schemas: {{s: {{owner: rights_nobody}}}}
    grants:
      - {{grant: [USAGE], on: {{schema: s}}, to: [rights_reader]}}
      - {{grant: [USAGE], on: {{schema: s}}, to: [rights_unmade]}}
    default_privileges:
      - {{for: rights_nobody, in_schema: s, grant: [SELECT], on: tables, to: [rights_reader]}}
      - {{for: rights_nobody, in_schema: s, grant: [SELECT], on: tables, to: [rights_unmade]}}
"""


def test_a_role_that_may_not_be_made_keeps_nothing_from_the_others(site: Site) -> None:
    owner = site.add_user("rights_nobody")
    site.root.execute("CREATE ROLE rights_reader")
    site.root.execute("CREATE DATABASE rights_app OWNER rights_nobody")
    found = stuck(site.plan(owner, UNMADE))
    why = "role rights_unmade does not exist, and may not be made"
    ours = {
        key: said for key, said in found.items() if "rights_unmade" in key and not key.startswith("role[")
    }
    assert set(ours.values()) == {why}
    assert len(ours) == 2
    assert found["role[rights_unmade].exists"] == "rights_nobody may not: it needs createrole"
    site.apply(owner, UNMADE)
    done = site.findings(owner, UNMADE)
    granted = [key for key in done if key.endswith(".granted") and "to rights_reader" in key]
    assert len(granted) == 2
    assert {done[key].verdict for key in granted} == {Verdict.CONFORMS}


HIDDEN = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
settings: {{session_preload_libraries: "", work_mem: 4MB}}
"""


def test_a_hidden_setting_is_not_an_unknown_one(site: Site) -> None:
    found = site.findings(site.add_user("rights_nobody"), HIDDEN)
    hidden = found["setting[session_preload_libraries].value"]
    assert hidden.verdict is Verdict.UNREADABLE
    assert hidden.reason == (
        "session_preload_libraries is hidden from rights_nobody: it needs membership in pg_read_all_settings"
    )
    assert found["setting[work_mem].value"].verdict is Verdict.CONFORMS


PROVIDED = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles:
  rights_admin: {{login: true, member_of: [rights_provider]}}
"""


def test_a_role_that_others_keep_is_referred_to_and_never_touched(site: Site) -> None:
    site.root.execute("CREATE ROLE rights_password; CREATE ROLE rights_provider CREATEDB")
    site.root.execute("GRANT pg_monitor, rights_password TO rights_provider WITH ADMIN OPTION")
    first = statements(site.plan(None, PROVIDED))
    assert [text.partition(" GRANTED BY ")[0] for text in first] == [
        'CREATE ROLE "rights_admin" NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS LOGIN',
        'GRANT "rights_provider" TO "rights_admin"',
    ]
    site.apply(None, PROVIDED)
    assert sorted(site.memberships("rights_provider")) == ["pg_monitor", "rights_password"]
    site.root.execute("GRANT rights_password TO rights_admin; REVOKE rights_provider FROM rights_admin")
    assert {*site.plan(None, PROVIDED).drifts} == {
        "membership[rights_admin].undeclared",
        "membership[rights_admin in rights_provider].granted",
    }
    site.apply(None, PROVIDED)
    assert statements(site.plan(None, PROVIDED)) == []
    assert sorted(site.memberships("rights_provider")) == ["pg_monitor", "rights_password"]


def test_a_role_that_others_keep_and_that_is_not_there(site: Site) -> None:
    left = site.plan(None, PROVIDED)
    assert stuck(left) == {
        "membership[rights_admin in rights_provider].granted": (
            "role rights_provider does not exist, and this spec does not make it"
        )
    }
    site.apply(None, PROVIDED)
    found = site.findings(site.add_user("rights_nobody"), PROVIDED)
    assert found["membership[rights_admin in rights_provider].granted"].verdict is Verdict.DRIFTS


OF_THE_PROVIDER = """\
postgres: {major}
undeclared: {{roles: drift, databases: ignore}}
roles:
  rights_admin: {{member_of: [rds_superuser]}}
"""


def test_a_provider_keeps_its_own_roles(site: Site) -> None:
    """rdsadmin is its superuser there; on a server without the provider's settings it is somebody's."""
    names = ("rdsadmin", "rds_superuser")
    try:
        site.root.execute(
            "CREATE ROLE rdsadmin SUPERUSER; CREATE ROLE rds_superuser; CREATE ROLE rights_admin"
        )
        site.root.execute("GRANT rds_superuser TO rights_admin")
        file = site.folder / "rights.yaml"
        file.write_text(OF_THE_PROVIDER.format(major=site.major))
        target = load_target(file)
        facts = target.read(site.by(None))
        row = facts.rows(SETTINGS)[0]._replace(name="rds.extensions")
        managed = facts.assuming({}, {SETTINGS.name: [row]})
        found = [{check.id: evaluate(check, asked) for check in target.checks} for asked in (facts, managed)]
    finally:
        for name in names:
            site.root.execute(f"DROP ROLE IF EXISTS {name}".encode())
    ids = ("role[others].undeclared", "role[superusers].undeclared")
    assert [found[0][known].actual for known in ids] == ["rdsadmin", "rdsadmin"]
    assert [found[1][known].verdict for known in ids] == [Verdict.CONFORMS, Verdict.CONFORMS]


RESTRICTED = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles:
  rights_member: {{settings: {{log_statement: all, work_mem: 5MB, app.tenant: acme, session_preload_libraries: []}}}}
"""


def test_a_setting_of_superusers_is_not_planned_for_a_role(site: Site, deployer: str) -> None:
    planned = site.plan(deployer, RESTRICTED)
    may_not = "rights_deployer may not: it needs SET"
    assert stuck(planned) == {
        "role[rights_member].settings[log_statement]": f"{may_not} log_statement",
        "role[rights_member].settings[app.tenant]": f"{may_not} app.tenant",
    }
    site.apply(deployer, RESTRICTED)
    assert statements(site.plan(deployer, RESTRICTED)) == []
    if site.major >= 15:
        site.root.execute("GRANT SET ON PARAMETER log_statement, app.tenant TO rights_deployer")
        site.apply(deployer, RESTRICTED)
        assert (statements(site.plan(deployer, RESTRICTED)), stuck(site.plan(deployer, RESTRICTED))) == (
            [],
            {},
        )


TWO = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
databases:
  rights_app: {{schemas: {{s: {{}}}}}}
  rights_other: {{schemas: {{s: {{}}}}}}
"""


def test_one_closed_database_is_unreadable_alone(site: Site) -> None:
    site.apply(None, TWO)
    site.root.execute("REVOKE CONNECT ON DATABASE rights_app FROM PUBLIC")
    found = site.findings(site.add_user("rights_nobody"), TWO)
    closed = found["grant[rights_app].undeclared"]
    assert closed.verdict is Verdict.UNREADABLE
    assert found["schema[rights_app: s].exists"].verdict is Verdict.BLOCKED
    assert 'permission denied for database "rights_app"' in closed.reason
    assert found["database[rights_app].exists"].verdict is Verdict.CONFORMS
    assert found["schema[rights_other: s].exists"].verdict is Verdict.CONFORMS


OWNED = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles: {{rights_owner: {{undeclared: {{members: ignore}}}}}}
databases:
  rights_app: {{owner: rights_owner}}
"""


DROPPED = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles: {{rights_gone: {{state: absent}}}}
databases: {{rights_app: {{}}, rights_other: {{}}}}
"""


@pytest.mark.parametrize("administered", [True, False])
def test_a_role_with_privileges_is_dropped_by_who_administers_it(
    site: Site, deployer: str, administered: bool
) -> None:
    site.root.execute("CREATE ROLE rights_gone")
    for database in sorted(CREATED):
        site.root.execute(f"CREATE DATABASE {database} OWNER {deployer}".encode())
        site.root.execute(f"GRANT CREATE ON DATABASE {database} TO rights_gone".encode())
    if administered:
        site.root.execute("GRANT rights_gone TO rights_deployer WITH ADMIN OPTION")
    planned = site.plan(deployer, DROPPED)
    if not administered and site.major >= 16:
        assert "rights_deployer may not: it needs" in stuck(planned)["role[rights_gone].absent"]
        assert [text for text in statements(planned) if "DROP" in text] == []
        return
    apply(permitted(planned, destructive=True, unreadable=True), site.by(deployer))
    assert statements(site.plan(deployer, DROPPED)) == []
    assert site.memberships(deployer) == []
    assert site.root.execute("SELECT 1 FROM pg_roles WHERE rolname ~ 'gone|nobody'").fetchall() == []


def test_somebody_elses_role_is_not_taken(site: Site, deployer: str) -> None:
    """On 16 CREATEROLE alone gives no rights over a role that another made; before, it does."""
    site.root.execute("CREATE ROLE rights_owner")
    found = stuck(site.plan(deployer, OWNED))
    if site.major >= 16:
        assert found["database[rights_app].exists"] == (
            "rights_deployer may not: it needs membership in rights_owner"
        )
    else:
        assert found == {}
        site.apply(deployer, OWNED)
        assert site.memberships(deployer) == []


def test_a_membership_that_is_refused_is_of_no_use_later(site: Site, deployer: str) -> None:
    site.root.execute("CREATE ROLE rights_owner")
    found = stuck(site.plan(deployer, ITSELF.replace("DECLARED", "rights_owner")))
    if site.major >= 16:
        assert found["membership[rights_deployer in rights_owner].granted"] == (
            "rights_deployer may not: it needs ADMIN OPTION on rights_owner"
        )
        assert found["database[rights_app].exists"] == (
            "rights_deployer may not: it needs membership in rights_owner"
        )
    else:
        assert found == {}


SETTING = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
settings: {{work_mem: 8MB}}
"""


@pytest.mark.parametrize("reloads", [True, False])
def test_a_setting_is_changed_by_who_may_write_and_reload_it(site: Site, reloads: bool) -> None:
    if site.major < 15:
        pytest.skip("15 brought privileges on settings")
    user = site.add_user("rights_tuner")
    for grant in (
        "ALTER SYSTEM ON PARAMETER work_mem",
        "SELECT ON pg_file_settings",
        "EXECUTE ON FUNCTION pg_show_all_file_settings()",
        "pg_read_all_settings",
        *(["EXECUTE ON FUNCTION pg_reload_conf()"] if reloads else []),
    ):
        site.root.execute(f"GRANT {grant} TO {user}".encode())
    found = stuck(site.plan(user, SETTING)).get("setting[work_mem].value")
    if not reloads:
        assert found == "rights_tuner may not: it needs EXECUTE on function pg_reload_conf()"
        return
    assert found is None
    site.apply(user, SETTING)
    query = "SELECT setting FROM pg_file_settings WHERE name = 'work_mem'"
    assert site.root.execute(query).fetchone() == ("8MB",)


INSIDE = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles: {{rights_owner: {{undeclared: {{members: ignore}}}}}}
databases: {{rights_app: {{owner: rights_owner, schemas: {{s: {{owner: rights_owner}}}}}}}}
"""


def test_a_role_is_borrowed_by_the_admin_option_of_another(site: Site) -> None:
    """Before 16 nobody but a superuser can say in whose name it is granted."""
    user = site.add_user("rights_plain")
    site.root.execute("CREATE ROLE rights_owner; CREATE ROLE rights_lead")
    site.root.execute("GRANT rights_owner TO rights_lead WITH ADMIN OPTION")
    if site.major >= 16:
        site.root.execute("GRANT rights_owner TO rights_lead WITH INHERIT FALSE, SET FALSE")
    else:
        site.root.execute("ALTER ROLE rights_lead NOINHERIT")
    site.root.execute(f"GRANT rights_lead TO {user}".encode())
    site.root.execute("CREATE DATABASE rights_app OWNER rights_owner")
    planned = site.plan(user, INSIDE)
    taken = [text for text in statements(planned) if text.startswith("GRANT")]
    by = ' WITH INHERIT TRUE, SET TRUE GRANTED BY "rights_lead"' if site.major >= 16 else ""
    assert stuck(planned) == {}
    assert taken == [f'GRANT "rights_owner" TO "rights_plain"{by}']
    given_back = [text for text in statements(planned) if text.startswith("REVOKE")]
    by = ' GRANTED BY "rights_lead"' if site.major >= 16 else ""
    assert given_back == [f'REVOKE "rights_owner" FROM "rights_plain"{by}']
    site.apply(user, INSIDE)
    assert statements(site.plan(user, INSIDE)) == []
    assert site.memberships(user) == ["rights_lead"]


def test_a_predefined_role_is_never_borrowed(site: Site, deployer: str) -> None:
    site.root.execute("CREATE ROLE rights_owner")
    site.root.execute("CREATE DATABASE rights_app OWNER rights_owner")
    with site.cluster.open("rights_app") as root:
        root.execute("CREATE SCHEMA s AUTHORIZATION pg_monitor")
    if site.major >= 16:
        site.root.execute("GRANT rights_owner, pg_monitor TO rights_deployer WITH ADMIN OPTION")
        site.root.execute("GRANT pg_monitor TO rights_deployer WITH INHERIT FALSE, SET FALSE")
    found = stuck(site.plan(deployer, INSIDE))
    assert (
        found["schema[rights_app: s].owner"] == "rights_deployer may not: it needs membership in pg_monitor"
    )


def test_who_replicates_makes_another_that_does_from_16(site: Site) -> None:
    """Before, only a superuser does, whatever the login is itself."""
    user = site.add_user("rights_deployer", "CREATEROLE CREATEDB REPLICATION")
    refused = stuck(site.plan(user))
    check = "role[rights_walker].replication"
    assert refused.get(check) == (
        "rights_deployer may not: it needs replication" if site.major < 16 else None
    )
    site.apply(user)
    assert stuck(site.plan(user)) == refused


GIVEN_CREATE = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore}}
roles: {{rights_plain: {{login: true}}}}
databases:
  rights_app:
    schemas: {{s: {{}}}}
    grants: [{{grant: [CREATE], on: database, to: [rights_plain]}}]
"""


def test_create_on_the_database_is_enough_for_a_schema_of_ones_own(site: Site) -> None:
    user = site.add_user("rights_plain")
    site.root.execute("CREATE DATABASE rights_app")
    without = stuck(site.plan(user, GIVEN_CREATE))
    assert "rights_plain may not: " in without["schema[rights_app: s].exists"]
    site.root.execute(f"GRANT CREATE ON DATABASE rights_app TO {user}".encode())
    assert stuck(site.plan(user, GIVEN_CREATE)) == {}
    site.apply(user, GIVEN_CREATE)
    assert statements(site.plan(user, GIVEN_CREATE)) == []


PASSED_ON = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore, attributes: ignore}}
roles:
  rights_owner: {{}}
  rights_reader: {{}}
  rights_user: {{login: true, member_of: [rights_owner]}}
databases:
  rights_app:
    owner: rights_owner
    grants:
      - {{grant: [CONNECT], on: database, to: [rights_user], grant_option: true}}
"""


def test_what_the_owner_gave_is_not_taken_for_ones_own(site: Site) -> None:
    """Of a login with grant options of its own PostgreSQL takes a REVOKE for what that login granted."""
    user = site.add_user("rights_user")
    site.root.execute("CREATE ROLE rights_owner")
    site.root.execute("CREATE ROLE rights_reader")
    site.root.execute("GRANT rights_owner TO rights_user")
    site.root.execute("CREATE DATABASE rights_app OWNER rights_owner")
    site.root.execute("GRANT CONNECT ON DATABASE rights_app TO rights_user WITH GRANT OPTION")
    site.root.execute("GRANT CONNECT ON DATABASE rights_app TO rights_reader")
    check = "grant[rights_app].undeclared"
    assert "rights_reader" in site.findings(user, PASSED_ON)[check].actual
    assert check in {cause for change in site.plan(user, PASSED_ON).changes for cause in change.causes}
    site.apply(user, PASSED_ON)
    assert site.findings(user, PASSED_ON)[check].verdict is Verdict.CONFORMS
