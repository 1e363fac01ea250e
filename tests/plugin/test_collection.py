"""What is collected, from the spec alone."""

from __future__ import annotations

import subprocess

import psycopg
import pytest

from pgdeploy.gate.target import load_target
from tests.plugin.site import QUIET, TOWN, Site, lines

pytest_plugins = ["pytester"]

OWN = "def test_own(): pass\ndef test_of_a_target(target): assert target.name\n"


def collect(site: Site, *arguments: str) -> list[str]:
    result = site.run("--collect-only", "-q", *arguments, dsn="host=127.0.0.1 port=1")
    return [line for line in result.outlines if "::" in line]


def test_every_check_is_an_item(site: Site) -> None:
    ids = [check.id for check in load_target(site.pytester.path / "specs/town.yaml").checks]
    assert collect(site) == [f"specs/town.yaml::{name}" for name in ids]


@pytest.mark.parametrize("way", [("--dsn", "host=127.0.0.1 port=1"), ("--on", "embedded")])
def test_collection_touches_no_network_and_starts_no_server(
    site: Site, way: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("reached for a server")

    with monkeypatch.context() as patch:
        patch.setattr(psycopg, "connect", refuse)
        patch.setattr(subprocess, "Popen", refuse)
        result = site.pytester.runpytest_inprocess(*QUIET, "--target", "town", *way, "--collect-only", "-q")
    assert result.ret == pytest.ExitCode.OK
    assert "specs/town.yaml::role[town_app].login" in result.outlines


def test_a_node_id_runs_one_check(site: Site) -> None:
    result = site.run("specs/town.yaml::role[town_app].login", "-v")
    assert result.parseoutcomes() == {"passed": 1}


def test_the_part_before_the_bracket_runs_all_of_a_kind(site: Site) -> None:
    found = collect(site, "specs/town.yaml::setting")
    held = (
        "full_page_writes",
        "autovacuum",
        "zero_damaged_pages",
        "ignore_checksum_failure",
        "ignore_invalid_pages",
        "ignore_system_indexes",
    )
    known = ("work_mem].value", "fsync].value", "files].loaded", *(f"{setting}].value" for setting in held))
    assert found == [f"specs/town.yaml::setting[{rest}" for rest in known]


def test_an_unknown_node_id_is_an_error(site: Site) -> None:
    assert site.run("specs/town.yaml::role[town_ap].login").ret == pytest.ExitCode.USAGE_ERROR


def test_names_that_are_hard_to_write(site: Site) -> None:
    hard = ['a"b', "x; DROP", "Ünï", "a::b", "a[b]c", "a/b", "-x", "täg\u202e", "n\tl"]
    roles = "\n".join(f"  {json_text(name)}: {{login: false}}" for name in hard)
    site.write("specs/town.yaml", f"postgres: 16\nroles:\n{roles}\n")
    ids = collect(site)
    assert len(ids) == len(set(ids))
    names = [name for name in ids if name.endswith(".login")]
    assert len(names) == len(hard)
    for name in names:
        assert collect(site, name) == [name]


def json_text(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"'


def test_without_paths_the_specs_and_the_tests_beside_them_are_run_and_not_testpaths(site: Site) -> None:
    site.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    site.write("tests/test_other.py", "def test_other(): pass\n")
    site.write("specs/test_own.py", OWN)
    site.write("specs/helper.py", "def test_no(): pass\n")
    found = collect(site)
    assert {line.partition("::")[0] for line in found} == {"specs/town.yaml", "specs/test_own.py"}
    assert found[-2:] == ["specs/test_own.py::test_own", "specs/test_own.py::test_of_a_target[town]"]


def test_paths_on_the_command_line_are_what_is_run(site: Site) -> None:
    site.write("specs/test_own.py", OWN)
    site.write("tests/test_other.py", "def test_other(): pass\n")
    assert collect(site, "specs/test_own.py")[0] == "specs/test_own.py::test_own"
    assert collect(site, "tests") == ["tests/test_other.py::test_other"]
    assert {line.partition("::")[0] for line in collect(site, "specs")} == {
        "specs/town.yaml",
        "specs/test_own.py",
    }


def test_a_spec_that_is_not_chosen_is_not_collected(site: Site) -> None:
    site.write("specs/tree.yaml", TOWN)
    assert not any("tree" in line for line in collect(site, "specs"))


def test_a_spec_that_does_not_load_is_one_error_with_its_lines(site: Site) -> None:
    site.write("specs/town.yaml", "postgres: 16\nroles:\n  app: {logn: true}\nsettings: {work_mem: much}\n")
    result = site.run()
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert result.parseoutcomes() == {"errors": 1}
    result.stdout.fnmatch_lines(["specs/town.yaml:3:9: *logn*login*", "specs/town.yaml:4:22: *work_mem*"])
    result.stdout.no_re_match_line(r"Traceback|.*\.py:\d+|E  ")


def test_another_target_goes_on_if_asked_to(site: Site) -> None:
    site.write("specs/tree.yaml", "postgres: 5\n")
    site.write("specs/test_own.py", OWN)
    site.write("specs/town.yaml", TOWN + f"connect: {{dsn: '{site.server.dsn}'}}\n")
    result = site.pytester.runpytest_inprocess(
        *QUIET, "--target", "t*", "--continue-on-collection-errors", "-rs"
    )
    outcomes = result.parseoutcomes()
    assert (outcomes["errors"], outcomes["skipped"]) == (1, 1)
    assert outcomes["passed"] > 20
    assert lines(result, "tree: ") == [f"tree: {line}" for line in lines(result, "specs/tree.yaml:1:11: ")]
    result.stdout.fnmatch_lines(["SKIPPED*target tree could not be used: see its first error"])
