"""What is said at the end: on the terminal, as JSON, as JUnit XML."""

from __future__ import annotations

import json

import pytest

from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.report import findings as report
from tests.plugin.site import QUIET, TOWN, Site, lines, properties

pytest_plugins = ["pytester"]

NO_LOGIN = "ALTER ROLE town_app NOLOGIN"


# -- the terminal --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), ("-q",), ("-v",), ("--tb=no",)])
def test_each_target_has_a_line(site: Site, arguments: tuple[str, ...]) -> None:
    site.execute(NO_LOGIN)
    result = site.run(*arguments)
    result.stdout.fnmatch_lines(["=* pgdeploy =*", "town on PostgreSQL 16.* at *: 40 conform, 1 drift"])


def test_notes(site: Site) -> None:
    site.execute("CREATE ROLE town_extra")
    assert "  role[others].undeclared: undeclared roles: town_extra" in site.run().outlines


def test_what_was_not_answered_is_counted_by_reason_and_not_as_passed(site: Site) -> None:
    site.execute("DROP ROLE town_app")
    result = site.run()
    result.stdout.fnmatch_lines(
        [
            "town on PostgreSQL 16.* at *: 30 conform, 1 drift, 10 blocked",
            "  10 skipped, role town_app does not exist: *, role[[]town_app[]].bypassrls, *, and 2 more",
        ]
    )


def test_many_reasons_are_cut(site: Site) -> None:
    roles = "".join(f"  nobody_{number}: {{}}\n" for number in range(12))
    site.write("specs/town.yaml", TOWN + roles)
    shown = [line for line in site.run().outlines if " skipped" in line and line.startswith("  ")]
    assert len(shown) == 11
    assert shown[-1] == "  16 skipped for 2 more reasons"


def test_a_target_of_which_nothing_was_asked(site: Site) -> None:
    said = (
        "town: no check was asked, and no test was run for it: when you give paths, give its spec file, too"
    )
    assert said in site.run("-k", "nothing_of_this_name").outlines


def test_tests_that_are_of_no_target_prove_nothing_of_one(site: Site) -> None:
    site.write(
        "tests/test_mine.py",
        "def test_mine(): pass\n\ndef test_of_it(target): assert target.name == 'town'\n",
    )
    shown = site.run("tests", "-k", "test_mine and not test_of_it")
    assert (shown.ret, shown.parseoutcomes()["passed"]) == (pytest.ExitCode.TESTS_FAILED, 1)
    own = site.run("tests")
    assert (own.ret, own.parseoutcomes()["passed"]) == (pytest.ExitCode.OK, 2)
    assert "town: no check was asked" in own.outlines


def test_collect_only_has_no_summary(site: Site) -> None:
    assert not lines(site.run("--collect-only"), "town")


# -- JSON ----------------------------------------------------------------------------------------------


def test_the_report_is_that_of_pgdeploy_check(site: Site) -> None:
    site.execute(NO_LOGIN, "CREATE ROLE town_extra")
    gate = Gate(
        load_target(site.write("specs/town.yaml", TOWN)), ConnectionOptions(dsn=site.server.dsn), probes=False
    )
    findings = [gate.evaluate(check) for check in gate.checks]
    (target,) = site.report()
    expected = json.loads(json.dumps(report.report(gate, findings)).replace(f"{site.pytester.path}/", ""))
    assert target == expected
    assert target["counts"]["drifts"] == 1
    assert target["checks"] == len(target["findings"])


def test_what_was_skipped_is_in_the_report(site: Site) -> None:
    site.execute("DROP ROLE town_app")
    (target,) = site.report()
    assert target["counts"]["blocked"] == 10
    reasons = {finding["reason"] for finding in target["findings"] if finding["verdict"] == "blocked"}
    assert reasons == {"role town_app does not exist"}


def test_a_report_of_a_part_is_known_as_one(site: Site) -> None:
    (target,) = site.report("-k", "town_app and login")
    assert [finding["id"] for finding in target["findings"]] == ["role[town_app].login"]
    assert target["checks"] == 41


def test_every_target_is_in_the_report(site: Site) -> None:
    site.write("specs/tree.yaml", "postgres: 5\n")
    site.write("specs/town.yaml", TOWN + f"connect: {{dsn: '{site.server.dsn}'}}\n")
    arguments = ["--target", "t*", "--continue-on-collection-errors", "--pgdeploy-report", "report.json"]
    site.pytester.runpytest_inprocess(*QUIET, *arguments)
    town, tree = json.loads((site.pytester.path / "report.json").read_text())["targets"]
    assert (town["target"], tree["target"]) == ("town", "tree")
    assert tree["error"].startswith("specs/tree.yaml:1:11: ")
    assert "error" not in town


def test_the_report_is_replaced_in_one_step(site: Site) -> None:
    site.write("out/report.json", "old")
    site.run("--pgdeploy-report", "out/report.json", "--collect-only")
    assert (site.pytester.path / "out/report.json").read_text() == "old"
    site.run("--pgdeploy-report", "out/report.json")
    assert (site.pytester.path / "out/report.json").read_text() != "old"
    assert [file.name for file in (site.pytester.path / "out").iterdir()] == ["report.json"]


# -- JUnit XML -----------------------------------------------------------------------------------------


def test_junit_has_the_finding(site: Site) -> None:
    site.execute(NO_LOGIN)
    cases = site.junit()
    case = cases["role[town_app].login"]
    assert case.get("classname") == "specs.town.yaml"
    assert properties(case) == {
        "target": "town",
        "check": "role[town_app].login",
        "verdict": "drifts",
        "desired": "yes",
        "actual": "no",
        "place": "specs/town.yaml:7:5",
        "remedy": 'ALTER ROLE "town_app" LOGIN;',
    }
    failure = case.find("failure")
    assert failure is not None
    assert failure.get("message") == "desired yes, actual no"
    assert (failure.text or "").startswith("role[town_app].login drifts\n  desired  yes\n")
    assert properties(cases["role[town_app].exists"])["verdict"] == "conforms"


def test_junit_of_skipped_and_errors(site: Site) -> None:
    site.execute("DROP ROLE town_app")
    case = site.junit()["role[town_app].login"]
    skipped = case.find("skipped")
    assert skipped is not None
    assert skipped.get("message") == "role town_app does not exist"
    assert properties(case)["verdict"] == "blocked"
    case = site.junit("--dsn", "host=127.0.0.1 port=1")["server[postgres].major"]
    error = case.find("error")
    assert error is not None
    assert str(error.get("message")).startswith('failed on setup with "target town could not be used: ')
    assert "Traceback" not in (error.text or "")


@pytest.mark.parametrize("family", ["xunit1", "xunit2"])
def test_junit_families(site: Site, family: str) -> None:
    assert "role[town_app].login" in site.junit("-o", f"junit_family={family}")
