"""A target that cannot be used is one error, at once; the others go on."""

from __future__ import annotations

import pytest

from pgdeploy.gate.target import load_target
from tests.plugin.site import QUIET, TOWN, Site, lines

pytest_plugins = ["pytester"]

CLOSED = "host=127.0.0.1 port=1 user=nobody"


@pytest.mark.parametrize("style", ["auto", "short", "native", "no"])
def test_one_error_and_the_rest_skipped(site: Site, style: str) -> None:
    result = site.run(f"--tb={style}", "-rs", "--showlocals", dsn=CLOSED)
    outcomes = result.parseoutcomes()
    assert outcomes.pop("errors") == 1
    assert outcomes.keys() == {"skipped"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.no_re_match_line(r".*Traceback|.*\.py:\d+|E  |.*gate = ")
    message = "target town could not be used: 127.0.0.1:1: "
    if style != "no":
        assert len(lines(result, message)) == 1
    assert lines(result, "SKIPPED") == [
        f"SKIPPED [{outcomes['skipped']}] specs/town.yaml:1: target town could not be used: see its first error"
    ]
    assert len(lines(result, f"town: {message}")) == 1


def test_the_short_summary_says_why(site: Site) -> None:
    result = site.run("-ra", dsn=CLOSED)
    start = "ERROR specs/town.yaml::server[postgres].major - target town could not be used: 127.0.0.1:1: "
    assert len(lines(result, start)) == 1


def test_the_server_is_tried_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    from pgdeploy.errors import TargetError
    from pgdeploy.reach.dsn import DsnServer

    tries: list[object] = []

    def refuse(self: DsnServer, *_: object, **__: object) -> None:
        tries.append(self)
        raise TargetError("no")

    monkeypatch.setattr(DsnServer, "open", refuse)
    site.run(dsn=CLOSED)
    assert len(tries) == 1


def test_other_targets_go_on(site: Site) -> None:
    site.write("specs/aaa.yaml", TOWN + f"connect: {{dsn: '{CLOSED}'}}\n")
    site.write("specs/town.yaml", TOWN + f"connect: {{dsn: '{site.server.dsn}'}}\n")
    result = site.pytester.runpytest_inprocess(*QUIET, "--target", "*")
    outcomes = result.parseoutcomes()
    assert outcomes["errors"] == 1
    assert outcomes["passed"] == outcomes["skipped"] + 1
    assert len(lines(result, "town on PostgreSQL 16.")) == 1


def test_a_target_that_does_not_say_where_it_is(site: Site) -> None:
    result = site.pytester.runpytest_inprocess(*QUIET, "--target", "town")
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.fnmatch_lines(
        ["*: specs/town.yaml: nothing says how to reach town: write `connect:` or give --dsn"]
    )


def test_a_dsn_that_is_none(site: Site) -> None:
    result = site.run(dsn="host=a password='x")
    assert result.parseoutcomes()["errors"] == 1
    result.stdout.no_fnmatch_line("*password=*")


def test_x_stops_there(site: Site) -> None:
    assert site.run("-x", dsn=CLOSED).parseoutcomes() == {"errors": 1}


def test_users_tests_are_skipped_too(site: Site) -> None:
    site.write("specs/test_own.py", "def test_own(facts): pass\ndef test_other(connect_as): pass\n")
    result = site.run(dsn=CLOSED)
    assert result.parseoutcomes()["errors"] == 1
    result = site.run("specs/test_own.py", "--showlocals", "-vvv", dsn=CLOSED)
    assert result.parseoutcomes() == {"errors": 1, "skipped": 1}
    assert len(lines(result, "target town could not be used: 127.0.0.1:1: ")) == 1
    result.stdout.no_re_match_line(r".*Traceback|.*\.py:\d+|.*gate = ")


def test_the_report_says_so(site: Site) -> None:
    (target,) = site.report("--dsn", CLOSED)
    assert target["target"] == "town"
    assert target["error"].startswith("target town could not be used: 127.0.0.1:1: ")
    assert target["findings"] == []
    assert not any(target["counts"].values())


def test_a_connection_lost_on_the_way_is_one_error_a_check(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pgdeploy.errors import TargetError

    def lost(*_: object, **__: object) -> None:
        raise TargetError("the connection was lost")

    monkeypatch.setattr("pgdeploy.gate.gate.evaluate", lost)
    checks = load_target(site.pytester.path / "specs/town.yaml").checks
    result = site.run("-k", "login", "-q")
    assert result.parseoutcomes() == {"errors": 2, "deselected": len(checks) - 2}
    assert len(lines(result, "target town could not be used: the connection was lost")) == 2
