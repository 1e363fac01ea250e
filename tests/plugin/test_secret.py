"""A password is never seen: not on the terminal, not in reports, whatever goes wrong."""

from __future__ import annotations

import pytest

from tests.plugin.site import CANARY, QUIET, TOWN, Site

pytest_plugins = ["pytester"]

LOUD = ("-vvv", "--showlocals", "-rA", "--junitxml=junit.xml", "--pgdeploy-report=report.json", "-s")

OWN = """\
def test_passes(connect_as, facts, target):
    connection = connect_as("town_app")
    print(connection, target, facts)
def test_fails(connect_as, facts, target):
    connection = connect_as("town_app")
    assert connection is target
"""


@pytest.fixture
def loud(site: Site) -> Site:
    site.write("specs/test_own.py", OWN)
    return site


@pytest.mark.parametrize("style", ["long", "short", "native"])
def test_when_it_conforms(loud: Site, style: str) -> None:
    result = loud.run(*LOUD, f"--tb={style}")
    assert result.parseoutcomes()["failed"] == 1
    assert not loud.seen(result)


@pytest.mark.parametrize("style", ["long", "short", "native"])
def test_when_it_drifts(loud: Site, style: str) -> None:
    loud.execute("ALTER ROLE town_app PASSWORD 'another'")
    result = loud.run(*LOUD, f"--tb={style}")
    assert "FAILED specs/town.yaml::role[town_app].password" in result.stdout.str()
    assert not loud.seen(result)


def test_when_the_dsn_holds_it(loud: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOWN_APP_PASSWORD")
    quoted = CANARY.replace("\\", "\\\\").replace("'", "\\'")
    result = loud.run(*LOUD, "--full-trace", dsn=f"host=127.0.0.1 port=1 user=a password='{quoted}'")
    assert result.parseoutcomes()["errors"] == 1
    assert not loud.seen(result)


def test_when_the_spec_holds_it_against_the_rules(loud: Site) -> None:
    text = CANARY.replace('"', '\\"')
    loud.write("specs/town.yaml", TOWN.replace("{env: TOWN_APP_PASSWORD}", f'"{text}"'))
    result = loud.run(*LOUD)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    (loud.pytester.path / "specs/town.yaml").unlink()
    assert not loud.seen(result)


def test_when_probes_use_it(loud: Site) -> None:
    loud.execute("ALTER ROLE town_app PASSWORD 'another'")
    arguments = [*LOUD, *QUIET[1:], "--target", "town", "--dsn", loud.server.dsn]
    result = loud.pytester.runpytest_inprocess(*arguments, "-m", "probe")
    assert "FAILED specs/town.yaml::role[town_app].logs_in" in result.stdout.str()
    assert not loud.seen(result)


@pytest.mark.parametrize(
    "broken", ["pgdeploy.gate.target.Target.read", "pgdeploy.secret.reference.SecretRef.read"]
)
def test_when_a_defect_of_ours_meets_it(loud: Site, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(*_: object) -> None:
        password = CANARY  # noqa: F841
        raise ZeroDivisionError("a defect")

    loud.write("specs/test_own.py", "def test_own(connect_as): connect_as('town_app')\n")
    monkeypatch.setattr(broken, defect)
    result = loud.run(*LOUD, "specs/test_own.py")
    assert {"failed", "errors"} & result.parseoutcomes().keys()
    result.stdout.fnmatch_lines(["*ZeroDivisionError: a defect"])
    assert not loud.seen(result)
