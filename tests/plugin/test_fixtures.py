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
        from pgdeploy.facts import Facts
        from pgdeploy.target import Target
        def test_target(target):
            assert isinstance(target, Target)
            assert target.name == "town"
            assert "town_app" in target.spec.roles
        def test_facts(facts):
            assert isinstance(facts, Facts)
            assert facts.about.major == 16
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


def test_connect_as_becomes_a_role_that_cannot_log_in(site: Site) -> None:
    text = """
        def test_own(connect_as):
            connection = connect_as("town_group")
            connection.rollback()
            row = connection.execute("SELECT session_user, current_user").fetchone()
            assert row == ("postgres", "town_group")
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}


def test_connect_as_takes_any_name(site: Site) -> None:
    site.execute('CREATE ROLE "a""b; x"')
    text = """
        def test_own(connect_as):
            assert connect_as('a"b; x').execute("SELECT current_user").fetchone() == ('a"b; x',)
    """
    try:
        assert run(site, dedent(text)).parseoutcomes() == {"passed": 1}
    finally:
        site.execute('DROP ROLE "a""b; x"')


def test_what_a_test_does_is_rolled_back(site: Site) -> None:
    text = """
        opened = []
        def test_own(connect_as):
            connection = connect_as("postgres")
            connection.execute("CREATE TABLE town_table ()")
            opened.append(connection)
        def test_afterwards(connect_as):
            assert opened[0].closed
            assert connect_as("postgres").execute("SELECT to_regclass('town_table')").fetchone() == (None,)
    """
    assert run(site, dedent(text)).parseoutcomes() == {"passed": 2}


FAILING = """
def test_own(connect_as):
    connect_as("nobody_there")
"""


def test_neither_is_possible(site: Site) -> None:
    result = run(site, FAILING)
    assert result.parseoutcomes() == {"failed": 1}
    result.stdout.fnmatch_lines(
        [
            'E *TargetError: cannot act as role nobody_there: its login: *; SET ROLE: role "nobody_there" does *',
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
