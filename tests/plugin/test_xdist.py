"""Under xdist each target is read once, and what is said stays the same."""

from __future__ import annotations

import re
from collections import defaultdict
from xml.etree import ElementTree as ET

import pytest
from pytest_pgdeploy.distribution import Distribution

from tests.plugin.site import QUIET, TOWN, Site, lines

pytest_plugins = ["pytester"]

pytest.importorskip("xdist")

OWN = """\
import pytest
def test_own(target): assert target.name
@pytest.mark.parametrize("number", "xyz")
def test_numbers(number, facts): assert facts.about.major == 16
@pytest.mark.parametrize("number", range(8))
def test_free(number): pass
"""


@pytest.fixture
def two(site: Site) -> Site:
    for name in ("town", "town-2"):
        site.write(f"specs/{name}.yaml", TOWN + f"connect: {{dsn: '{site.server.dsn}'}}\n")
    site.write("specs/test_own.py", OWN)
    return site


def run(site: Site, *arguments: str) -> pytest.RunResult:
    return site.pytester.runpytest_subprocess(*QUIET, "--target", "t*", *arguments)


def workers(result: pytest.RunResult) -> dict[str, set[str]]:
    """Which workers ran the items of each target."""
    found = defaultdict(set)
    for line in result.outlines:
        match = re.match(r"\[(gw\d+)\].* (PASSED|FAILED|SKIPPED) (\S*)", line)
        if match:
            target = re.search(r"specs/([\w-]+)\.yaml::|\[(town[\d-]*?)(?:-[xyz])?\]", match[3])
            found[(target[1] or target[2]) if target else ""].add(match[1])
    return dict(found)


@pytest.mark.parametrize("dist", [(), ("--dist", "worksteal")])
def test_each_target_has_one_worker(two: Site, dist: tuple[str, ...]) -> None:
    result = run(two, "-n2", "-v", *dist)
    assert result.ret == pytest.ExitCode.OK
    found = workers(result)
    assert found.keys() == {"town", "town-2", ""}
    assert len(found["town"]) == len(found["town-2"]) == 1
    assert not lines(result, "@")


def test_specs_outside_of_rootdir_are_as_others(two: Site) -> None:
    """pytest gives each of their files the same empty id; with equal ids of two files items would be lost."""
    two.write("specs/test_other.py", OWN)
    two.write("proj/pytest.ini", "[pytest]\n")
    outside = ("--rootdir", "proj", "-c", "proj/pytest.ini")
    alone = run(two, "--collect-only", "-q", *outside)
    ids = [line for line in alone.outlines if "::" in line]
    assert {line.partition("::")[0] for line in ids} == {
        f"../specs/{name}" for name in ("town.yaml", "town-2.yaml", "test_own.py", "test_other.py")
    }
    assert len(set(ids)) == len(ids)
    result = run(two, "-n2", "-v", *outside)
    assert result.parseoutcomes() == {"passed": len(ids)}
    found = workers(result)
    assert found.keys() == {"town", "town-2", ""}
    assert len(found["town"]) == len(found["town-2"]) == 1


def test_a_bad_spec_outside_of_rootdir_is_one_error(site: Site) -> None:
    site.write("proj/pytest.ini", "[pytest]\n")
    site.write("specs/town.yaml", "postgres: 5\n")
    result = site.run_apart("-n2", "--rootdir", "proj", "-c", "proj/pytest.ini")
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["town: specs/town.yaml:1:11: *"])


@pytest.mark.parametrize("dist", ["loadgroup", "each"])
def test_what_the_user_says_holds(two: Site, dist: str) -> None:
    assert run(two, "-n2", "--dist", dist).ret == pytest.ExitCode.OK


def test_without_xdist(two: Site) -> None:
    result = run(two, "-p", "no:xdist", "--strict-markers")
    assert result.ret == pytest.ExitCode.OK


def test_groups() -> None:
    group = Distribution(["pg", "pg-1", "pg-10"]).group
    assert group("specs/pg-1.yaml::role[pg-10].login") == "pg-1"
    assert group("specs/test_a.py::test_a[pg-10]") == "pg-10"
    assert group("specs/test_a.py::test_a[3-pg-1-x]") == "pg-1"
    assert group("specs/test_a.py::test_a[pg]") == "pg"
    assert group("specs/test_a.py::test_a[pgs]") == "specs/test_a.py::test_a[pgs]"
    assert group("tests/test_pg.py::test_a") == "tests/test_pg.py::test_a"


def said(result: pytest.RunResult) -> list[str]:
    """The failures and the summaries, without what differs from run to run."""
    text = "\n".join(result.outlines)
    found = re.sub(r" in [\d.]+s|generated xml file.*", "", text[text.index("= FAILURES") :])
    return [line.strip("=- ") for line in found.splitlines() if not line.startswith("[gw")]


def test_all_that_is_said_is_as_without_it(site: Site) -> None:
    site.execute("ALTER ROLE town_app NOLOGIN", "DROP ROLE town_group", "CREATE ROLE town_extra")
    outputs = ("-ra", "--junitxml", "junit.xml", "--pgdeploy-report", "report.json")
    alone = site.run_apart(*outputs)
    report, cases = site.read_report(), site.read_junit()
    spread = site.run_apart(*outputs, "-n2")
    assert said(alone) == said(spread)
    assert "FAILED specs/town.yaml::role[town_app].login - desired yes, actual no" in spread.outlines
    assert report == site.read_report()
    assert [content(case) for case in cases.values()] == [
        content(case) for case in site.read_junit().values()
    ]


def content(case: ET.Element) -> list[tuple[dict[str, str], str | None]]:
    case.set("time", "")
    return [(item.attrib, item.text) for item in case.iter()]


def test_tb_line(site: Site) -> None:
    site.execute("ALTER ROLE town_app NOLOGIN")
    result = site.run_apart("-n2", "--tb=line", "-k", "town_app and login")
    assert lines(result, "specs/town.yaml:7: desired yes, actual no")


def test_unreachable_is_one_error(site: Site) -> None:
    result = site.run_apart("-n2", "--dsn", "host=127.0.0.1 port=1")
    outcomes = result.parseoutcomes()
    assert outcomes.pop("errors") == 1
    assert outcomes.keys() == {"skipped"}
    assert len(lines(result, "town: target town could not be used: ")) == 1


def test_a_bad_spec_is_one_error(site: Site) -> None:
    site.write("specs/town.yaml", "postgres: 5\n")
    result = site.run_apart("-n2")
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(["specs/town.yaml:1:11: *"])


def test_lf(site: Site) -> None:
    site.execute("ALTER ROLE town_app NOLOGIN")
    site.run_apart("-n2")
    assert site.run_apart("-n2", "--lf").parseoutcomes() == {"failed": 1}
    site.realise()
    assert site.run_apart("-n2", "--lf").parseoutcomes() == {"passed": 1}
    assert site.run_apart("--lf").parseoutcomes()["passed"] > 20
