"""Users' own tests beside the specs: `target`, `facts`, `connect_as`."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.plugin.site import QUIET, TOWN, Site, lines

pytest_plugins = ["pytester"]


def run(site: Site, text: str, *arguments: str) -> pytest.RunResult:
    site.write("specs/test_own.py", text)
    return site.run("specs/test_own.py", *arguments)


def test_target_and_facts(site: Site) -> None:
    text = """
        from pgdeploy.core.facts import Facts
        from pgdeploy.gate.target import Target
        def test_target(target):
            assert isinstance(target, Target)
            assert target.name == "town"
            assert "town_app" in target.spec.roles
            assert repr(target) == "<Target town of specs/town.yaml>"
            assert "role[town_app].login" in [check.id for check in target.checks]
        def test_facts(facts):
            assert isinstance(facts, Facts)
            assert facts.about.major == 16
            assert facts.about.version // 10000 == 16
            assert (facts.about.user, facts.about.superuser, facts.about.standby) == ("postgres", True, False)
            assert repr(facts).startswith("<Facts of PostgreSQL 16.")
            assert repr(facts).endswith(", read as postgres>")
            assert not facts.has("host")
    """
    result = run(site, dedent(text), "-v")
    assert result.parseoutcomes() == {"passed": 2}
    assert [line.split()[0] for line in lines(result, "specs/")] == [
        "specs/test_own.py::test_target[town]",
        "specs/test_own.py::test_facts[town]",
    ]


def test_they_are_run_for_every_target(site: Site) -> None:
    for name in ("town", "tree"):
        site.write(f"specs/{name}.yaml", TOWN + f"connect: {{dsn: '{site.server.dsn}'}}\n")
    site.write("specs/test_own.py", "def test_own(facts, target): print('own', target.name)\n")
    result = site.pytester.runpytest_inprocess(*QUIET, "--target", "t*", "-s", "-k", "test_own")
    assert result.parseoutcomes()["passed"] == 2
    result.stdout.fnmatch_lines(["*own town", "*own tree"])


def test_without_target_they_are_skipped_with_the_reason(site: Site) -> None:
    site.write(
        "specs/test_own.py", "def test_a(target): 1/0\ndef test_b(facts): 1/0\ndef test_c(connect_as): 1/0\n"
    )
    result = site.pytester.runpytest_inprocess(*QUIET, "specs", "-rs")
    assert result.parseoutcomes() == {"skipped": 3}
    result.stdout.fnmatch_lines(["SKIPPED*: this test is about a server: give --target"])


def test_a_fixture_of_the_users_own_with_our_name(site: Site) -> None:
    text = """
        import pytest
        @pytest.fixture
        def target(): return "mine"
        def test_own(target): assert target == "mine"
        @pytest.mark.parametrize("facts", [1, 2])
        def test_numbers(facts): assert facts in (1, 2)
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 3}


def test_connect_as_logs_in_with_the_declared_secret(site: Site) -> None:
    text = """
        def test_own(connect_as):
            connection = connect_as("town_app")
            row = connection.execute("SELECT session_user, current_user, current_database()").fetchone()
            assert row == ("town_app", "town_app", "postgres")
            other = connect_as("town_app", "template1")
            assert other.execute("SELECT current_database()").fetchone() == ("template1",)
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}


def test_connect_as_is_no_session_that_can_become_superuser(site: Site) -> None:
    text = """
        import psycopg, pytest
        def test_own(connect_as):
            connection = connect_as("town_app")
            connection.execute("RESET ROLE")
            connection.execute("RESET SESSION AUTHORIZATION")
            assert connection.execute("SELECT current_user::text").fetchone() == ("town_app",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("SET ROLE postgres")
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}


def test_connect_as_has_what_is_preset_for_the_role(site: Site) -> None:
    site.execute("ALTER ROLE town_app SET search_path = town, public")
    text = """
        def test_own(connect_as):
            assert connect_as("town_app").execute("SHOW search_path").fetchone() == ("town, public",)
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}
    site.execute("ALTER ROLE town_app RESET search_path")


def test_nobody_presets_what_names_mean_to_a_superuser(site: Site) -> None:
    site.execute("ALTER DATABASE postgres SET search_path = evil")
    text = """
        def test_own(connect_as):
            path = connect_as("postgres").execute("SHOW search_path").fetchone()
            assert path == ("pg_catalog,pg_temp",)
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}
    site.execute("ALTER DATABASE postgres RESET search_path")


TRAP = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.deed() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  BEGIN SET ROLE NONE; EXCEPTION WHEN OTHERS THEN NULL; END;
  BEGIN SET ROLE town_boss; EXCEPTION WHEN OTHERS THEN NULL; END;
  EXECUTE 'ALTER ROLE town_app SUPERUSER';
  RETURN 1;
END $$;
CREATE VIEW evil.things AS SELECT 1 AS thing;
CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT evil.deed(); SELECT pg_catalog.now()';
GRANT USAGE ON SCHEMA evil TO PUBLIC;
"""


@pytest.mark.parametrize("role", ["town_boss", "town_deputy"])
@pytest.mark.parametrize("more", ["", "ALTER DATABASE postgres SET role = 'town_app'"])
def test_nobody_presets_what_names_mean_to_whoever_can_become_superuser(
    site: Site, role: str, more: str
) -> None:
    """Even where the preset makes the session begin as somebody who is none."""
    rules = site.server.data / "pg_hba.conf"
    usual = rules.read_text()
    site.execute("CREATE ROLE town_boss LOGIN SUPERUSER")
    site.execute("CREATE ROLE town_deputy LOGIN IN ROLE town_boss")
    site.execute(TRAP)
    _let_in(site, f"local all town_boss,town_deputy trust\n{usual}")
    site.execute("ALTER DATABASE postgres SET search_path = evil, pg_catalog, public")
    if more:
        site.execute(more)
    try:
        text = f"""
            def test_own(connect_as):
                connection = connect_as({role!r})
                assert connection.execute("SHOW search_path").fetchone() == ("pg_catalog,pg_temp",)
                connection.execute("SELECT now()")
                connection.commit()
        """
        assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}
        with site.server.open() as connection:
            query = "SELECT rolsuper FROM pg_roles WHERE rolname = 'town_app'"
            assert connection.execute(query).fetchone() == (False,)
    finally:
        with site.server.open() as connection:
            connection.execute("ALTER DATABASE postgres RESET ALL")
            connection.execute("DROP SCHEMA evil CASCADE")
            connection.execute("DROP ROLE town_deputy, town_boss")
        _let_in(site, usual)


SHUT = """
def test_own(connect_as):
    connect_as("town_group")
"""


def test_connect_as_refuses_a_role_that_cannot_log_in(site: Site) -> None:
    result = run(site, SHUT)
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(
        [
            "E *TargetError: cannot act as role town_group: *; it may not log in, and SET ROLE would be no fence; *",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_pgdeploy*")


def test_connect_as_takes_any_name(site: Site) -> None:
    site.execute('CREATE ROLE "a""b; x" LOGIN')
    usual = (site.server.data / "pg_hba.conf").read_text()
    _let_in(site, 'local all "a""b; x" trust\n' + usual)
    text = """
        def test_own(connect_as):
            assert connect_as('a"b; x').execute("SELECT current_user::text").fetchone() == ('a"b; x',)
    """
    try:
        assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}
    finally:
        _let_in(site, usual)
        site.execute('DROP ROLE "a""b; x"')


def _let_in(site: Site, rules: str) -> None:
    """Rules that are in effect when this returns."""
    (site.server.data / "pg_hba.conf").write_text(rules)
    site.server.restart()


def test_what_a_test_does_is_rolled_back(site: Site) -> None:
    text = """
        opened = []
        def test_own(connect_as):
            connection = connect_as("postgres")
            connection.execute("CREATE TABLE public.town_table ()")
            opened.append(connection)
        def test_afterwards(connect_as):
            assert opened[0].closed
            assert connect_as("postgres").execute("SELECT to_regclass('public.town_table')").fetchone() == (None,)
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 2}


FAILING = """
def test_own(connect_as):
    connect_as("nobody_there")
"""


def test_connect_as_says_what_is_missing(site: Site) -> None:
    result = run(site, FAILING)
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(
        [
            "E *TargetError: cannot act as role nobody_there: *; the spec does not declare it; connect_as logs in, *",
        ]
    )
    result.stdout.no_fnmatch_line("*pytest_pgdeploy*")


@pytest.mark.parametrize("style", ["long", "short", "native", "auto"])
def test_a_login_that_fails_shows_no_secret(site: Site, style: str) -> None:
    site.execute("ALTER ROLE town_app PASSWORD 'another' CONNECTION LIMIT 0")
    dsn = f"{site.server.dsn.replace('user=postgres', 'user=town_group')}"
    text = FAILING.replace("nobody_there", "town_app") + "    raise ZeroDivisionError\n"
    arguments = (f"--tb={style}", "--showlocals", "-vvv", "--full-trace", "--junitxml=junit.xml")
    for where in ((), ("--dsn", dsn)):
        result = run(site, text, *arguments, *where)
        assert {"failed", "errors"} & result.parseoutcomes().keys()
        assert not site.seen(result)
