"""Each verdict becomes an outcome of pytest, and a failure is the words of its finding."""

from __future__ import annotations

import pytest

from tests.plugin.site import CANARY, TOWN, Site, lines

pytest_plugins = ["pytester"]

LOGIN = "specs/town.yaml::role[town_app].login"
NO_LOGIN = "ALTER ROLE town_app NOLOGIN"


def test_what_conforms_passes(site: Site) -> None:
    result = site.run()
    assert result.parseoutcomes() == {"passed": len(lines(site.run("-v"), "specs/town.yaml::"))}
    assert result.ret == pytest.ExitCode.OK


def test_drift_fails(site: Site) -> None:
    site.execute(NO_LOGIN)
    result = site.run()
    assert result.parseoutcomes()["failed"] == 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert lines(result, "FAILED") == [f"FAILED {LOGIN} - desired yes, actual no"]


@pytest.mark.parametrize("style", ["auto", "long", "short", "native"])
@pytest.mark.parametrize("more", [(), ("-vvv", "--showlocals"), ("--full-trace",), ("-q",)])
def test_a_failure_shows_its_finding_and_no_traceback(site: Site, style: str, more: tuple[str, ...]) -> None:
    site.execute(NO_LOGIN)
    result = site.run(f"--tb={style}", *more)
    result.stdout.fnmatch_lines(
        [
            "*_ role[[]town_app[]].login _*",
            "role[[]town_app[]].login drifts",
            "  desired  yes",
            "  actual   no",
            "  spec     specs/town.yaml:7:5",
            '  remedy   ALTER ROLE "town_app" LOGIN;',
        ],
        consecutive=True,
    )
    result.stdout.no_re_match_line(r"Traceback|.*\.py:\d+|E  |.*gate = ")


def test_tb_line_names_the_line_of_the_spec(site: Site) -> None:
    site.execute(NO_LOGIN)
    result = site.run("--tb=line")
    assert lines(result, "specs/town.yaml:7: ") == ["specs/town.yaml:7: desired yes, actual no"]


def test_tb_no_has_the_summary_only(site: Site) -> None:
    site.execute(NO_LOGIN)
    result = site.run("--tb=no")
    result.stdout.no_fnmatch_line("*remedy*")
    assert len(lines(result, "FAILED")) == 1


def test_what_is_blocked_is_skipped_with_its_parent(site: Site) -> None:
    site.execute("DROP ROLE town_app")
    result = site.run("-rs", "-k", "town_app")
    outcomes = result.parseoutcomes()
    assert outcomes["failed"] == 1  # role[town_app].exists
    assert outcomes["skipped"] > 5
    assert "SKIPPED [1] specs/town.yaml:7: role town_app does not exist" in result.outlines


def test_what_cannot_be_read_is_an_error(site: Site) -> None:
    dsn = f"host={site.server.dsn.split()[0].removeprefix('host=')} user=town_app dbname=postgres"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PGPASSWORD", CANARY)
        result = site.run("-k", "files and loaded", dsn=dsn)
    assert result.parseoutcomes()["errors"] == 1
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "*_ ERROR at setup of setting[[]files[]].loaded _*",
            "setting[[]files[]].loaded unreadable",
            "  reason   file_settings could not be read: permission denied*",
            "  spec     specs/town.yaml:2:1",
        ],
        consecutive=True,
    )
    result.stdout.fnmatch_lines(
        ["ERROR specs/town.yaml::setting[[]files[]].loaded - file_settings could not*"]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_x_stops_at_the_first(site: Site) -> None:
    site.execute(NO_LOGIN, "ALTER ROLE town_group LOGIN")
    outcomes = site.run("-x").parseoutcomes()
    assert outcomes["failed"] == 1


def test_lf_runs_what_failed(site: Site) -> None:
    site.execute(NO_LOGIN)
    site.run()
    again = site.run("--lf", "-v")
    assert again.parseoutcomes()["failed"] == 1
    assert "passed" not in again.parseoutcomes()
    site.realise()
    assert site.run("--lf").parseoutcomes()["passed"] == 1


def test_stepwise_goes_on_where_it_stopped(site: Site) -> None:
    site.execute(NO_LOGIN)
    first = site.run("--sw").parseoutcomes()
    assert first["failed"] == 1
    site.realise()
    assert site.run("--sw").parseoutcomes()["deselected"] == first["passed"]


def test_ra_lists_what_passed(site: Site) -> None:
    assert f"PASSED {LOGIN}" in site.run("-rA").outlines


def test_the_location_is_the_line_of_the_spec_even_in_a_base(site: Site) -> None:
    site.write("specs/_base.yaml", TOWN)
    site.write("specs/town.yaml", "extends: _base\nroles:\n  town_group: {login: true}\n")
    result = site.run("-vv")
    result.stdout.fnmatch_lines(
        ["*role[[]town_app[]].login <- specs/_base.yaml PASSED*", "*specs/town.yaml:3:*"]
    )
    assert "FAILED specs/town.yaml::role[town_group].login - desired yes, actual no" in result.outlines


def test_a_defect_of_ours_shows_a_traceback_without_locals(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        password = CANARY  # noqa: F841
        raise ZeroDivisionError("a defect")

    monkeypatch.setattr("pgdeploy.gate.gate.evaluate", broken)
    result = site.run("--showlocals", "-k", "login", "--tb=long")
    result.stdout.fnmatch_lines(["*ZeroDivisionError: a defect"])
    assert not site.seen(result)
