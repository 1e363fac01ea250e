"""A check that may be red until a date: waived, counted, never conforming; the same in every channel."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from typer.testing import CliRunner

from pgdeploy.cli import app
from tests.plugin.site import TOWN, Site, lines, properties

pytest_plugins = ["pytester"]

LOGIN = "role[town_app].login"
NO_LOGIN = "ALTER ROLE town_app NOLOGIN"
WHY = "until 2099-01-01: it logs in from June"


def waiver(check: str = LOGIN, until: object = "2099-01-01", reason: str = "it logs in from June") -> str:
    return f"  - {{check: '{check}', reason: {reason}, until: {until}}}\n"


def waive(site: Site, *waivers: str) -> None:
    site.write("specs/town.yaml", TOWN + "waivers:\n" + "".join(waivers))


def check(site: Site, *arguments: str) -> tuple[int, str]:
    """`pgdeploy check` of the same server."""
    given = ["check", "specs/town.yaml", "--dsn", site.server.dsn, "--no-probes", *arguments]
    result = CliRunner().invoke(app, given)
    return result.exit_code, result.stdout


def test_a_waived_drift_is_shown_and_counted_and_does_not_conform(site: Site) -> None:
    waive(site, waiver())
    site.execute(NO_LOGIN)
    result = site.run("-rx")
    outcomes = result.parseoutcomes()
    assert (outcomes["xfailed"], outcomes["passed"]) == (1, 40)
    assert "failed" not in outcomes
    assert result.ret == pytest.ExitCode.OK
    assert f"XFAIL specs/town.yaml::{LOGIN} - drifts, waived {WHY}" in result.outlines
    result.stdout.fnmatch_lines(
        [
            "town on PostgreSQL 16.* at *: 40 conform, 0 drift, 1 waived",
            f"  waived, role[[]town_app[]].login: drifts, waived {WHY} (desired yes, actual no)",
        ]
    )
    result.stdout.no_fnmatch_line("*Traceback*")


def test_only_what_is_named_is_waived(site: Site) -> None:
    waive(site, waiver())
    site.execute(NO_LOGIN, "ALTER ROLE town_app CREATEDB")
    result = site.run()
    assert result.parseoutcomes()["failed"] == 1
    assert result.parseoutcomes()["xfailed"] == 1
    assert lines(result, "FAILED") == [
        "FAILED specs/town.yaml::role[town_app].createdb - desired no, actual yes"
    ]
    code, shown = check(site)
    assert code == 2
    assert "role[town_app].createdb drifts" in shown


def test_runxfail_shows_what_is_waived_as_red(site: Site) -> None:
    waive(site, waiver())
    site.execute(NO_LOGIN)
    result = site.run("--runxfail")
    said = f"desired yes, actual no; drifts, waived {WHY}"
    assert lines(result, "FAILED") == [f"FAILED specs/town.yaml::{LOGIN} - {said}"]


def test_check_says_the_same(site: Site) -> None:
    waive(site, waiver())
    site.execute(NO_LOGIN)
    code, shown = check(site)
    assert code == 0
    assert f"waived, {LOGIN}: drifts, waived {WHY} (desired yes, actual no)\n" in shown
    assert "40 conform, 0 drift, 1 waived" in shown
    _, shown = check(site, "--verbose")
    assert f"{LOGIN} waived\n  desired  yes\n  actual   no\n  reason   drifts, waived {WHY}\n" in shown


def test_json_and_junit_say_the_same(site: Site) -> None:
    waive(site, waiver())
    site.execute(NO_LOGIN)
    (of_pytest,) = site.report()
    code, shown = check(site, "--json")
    (of_check,) = json.loads(shown)["targets"]
    assert code == 0
    assert of_pytest["counts"] == of_check["counts"]
    assert (of_check["counts"]["waived"], of_check["counts"]["drifts"]) == (1, 0)
    finding = next(one for one in of_check["findings"] if one["id"] == LOGIN)
    assert next(one for one in of_pytest["findings"] if one["id"] == LOGIN) == finding
    assert finding["verdict"] == "waived"
    assert finding["reason"] == f"drifts, waived {WHY}"
    assert (finding["remedy"], finding["remedy_by"]) == ('ALTER ROLE "town_app" LOGIN;', "pgdeploy")
    case = site.junit()[LOGIN]
    assert properties(case)["verdict"] == "waived"
    assert properties(case)["reason"] == f"drifts, waived {WHY}"
    skipped = case.find("skipped")
    assert skipped is not None
    assert (skipped.get("type"), skipped.get("message")) == ("pytest.xfail", f"drifts, waived {WHY}")


def test_the_last_day_is_included(site: Site) -> None:
    today = date.today()  # noqa: DTZ011
    site.execute(NO_LOGIN)
    # tomorrow, too, so that midnight between here and there changes nothing
    waive(site, waiver(until=today + timedelta(days=1)))
    assert site.run().parseoutcomes()["xfailed"] == 1
    waive(site, waiver(until=today - timedelta(days=1)))
    assert site.run().parseoutcomes()["failed"] == 1


def test_after_its_day_it_is_red_and_says_that_the_waiver_ended(site: Site) -> None:
    waive(site, waiver(until="2020-02-29"))
    site.execute(NO_LOGIN)
    result = site.run()
    said = "its waiver ended on 2020-02-29: it logs in from June"
    assert lines(result, "FAILED") == [f"FAILED specs/town.yaml::{LOGIN} - desired yes, actual no; {said}"]
    assert f"  reason   {said}" in result.outlines
    code, shown = check(site)
    assert code == 2
    assert f"{LOGIN} drifts\n  desired  yes\n  actual   no\n  reason   {said}\n" in shown
    assert properties(site.junit()[LOGIN])["reason"] == said


def test_of_two_waivers_the_later_day_counts(site: Site) -> None:
    waive(site, waiver(), waiver(until="2020-01-01", reason="it logged in from January"))
    site.execute(NO_LOGIN)
    assert site.run().parseoutcomes()["xfailed"] == 1


@pytest.mark.parametrize("until", ["2020-01-01", "2099-01-01"])
def test_what_is_green_says_that_its_waiver_has_nothing_to_waive(site: Site, until: str) -> None:
    waive(site, waiver(until=until))
    said = f"{LOGIN}: its waiver until {until} has nothing to waive; take it away: it logs in from June"
    result = site.run()
    assert result.parseoutcomes() == {"passed": 41}
    assert f"  {said}" in result.outlines
    code, shown = check(site)
    assert code == 0
    assert said in shown.splitlines()
    assert "waived" not in shown.splitlines()[-1]


def test_what_a_waived_check_blocks_is_red_without_a_waiver_of_its_own(site: Site) -> None:
    site.execute("DROP ROLE town_app")
    waive(site, waiver("role[town_app].exists"))
    result = site.run()
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "town on PostgreSQL 16.* at *: 30 conform, 0 drift, 10 blocked, 1 waived",
            "  10 blocked, and what blocks them is waived or was not asked, so this run proves nothing of them",
        ]
    )
    assert check(site)[0] == 2
    blocked = [finding["id"] for finding in site.report()[0]["findings"] if finding["verdict"] == "blocked"]
    waive(site, waiver("role[town_app].exists"), *map(waiver, blocked))
    assert site.run().ret == pytest.ExitCode.OK
    code, shown = check(site)
    assert code == 0
    assert "30 conform, 0 drift, 11 waived" in shown
    assert f"waived, {LOGIN}: role town_app does not exist; blocked, waived {WHY}" in shown


def test_what_cannot_be_read_is_waived_with_the_reason_and_not_green(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOWN_APP_PASSWORD")
    password = "role[town_app].password"
    assert site.run("-k", "password").parseoutcomes()["errors"] == 1
    waive(site, waiver(password))
    result = site.run("-k", "password")
    assert "errors" not in result.parseoutcomes()
    assert "passed" not in result.parseoutcomes()
    (shown,) = lines(result, f"  waived, {password}: ")
    assert "TOWN_APP_PASSWORD" in shown
    assert shown.endswith(f"; unreadable, waived {WHY}")


def test_a_reason_of_others_stays_on_its_line(site: Site) -> None:
    waive(site, waiver(reason=r'"one\ntwo\u001b[31m three"'))
    site.execute(NO_LOGIN)
    for line in [*site.run().outlines, *check(site)[1].splitlines()]:
        assert not line.startswith("two")
        assert "\x1b" not in line


def test_a_plan_takes_no_notice(site: Site) -> None:
    waive(site, waiver())
    site.execute(NO_LOGIN)
    result = CliRunner().invoke(app, ["plan", "specs/town.yaml", "--dsn", site.server.dsn])
    assert result.exit_code == 2
    assert 'ALTER ROLE "town_app" LOGIN;' in result.stdout
