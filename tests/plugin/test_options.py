"""What the command line means, and what it refuses: one line, exit code 4, no server asked."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec

import pytest

from tests.plugin.site import QUIET, TOWN, Site, lines

pytest_plugins = ["pytester"]


def refused(site: Site, *arguments: str) -> str:
    result = site.pytester.runpytest_inprocess(*QUIET, *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not result.outlines
    errors = [line for line in result.errlines if line]
    assert len(errors) == 1
    return errors[0].removeprefix("ERROR: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "twon"], "no target twon in specs/; did you mean town?"),
        (["--target", "specs/twon.yaml"], "specs/twon.yaml: no such spec file"),
        (["--target", "specs/"], "specs/: not a regular file; a spec is a YAML file"),
        (
            ["--target", "town", "--specs", "nowhere"],
            (
                "no target town: the folder of specs, {here}/nowhere, does not exist; name another one with --specs "
                "or PGDEPLOY_SPECS, or give the path of a spec file"
            ),
        ),
        (
            ["--target", "town.yaml"],
            "town.yaml: no such spec file; the targets of specs/ have names without .yaml: town",
        ),
        (["--target", "t*", "--dsn", "host=a"], "--dsn is for one target, --target gives 2: town, tree"),
        (
            ["--target", "t*", "--on", "embedded", "--data-dir", "d"],
            "--data-dir is for one target, --target gives 2: town, tree",
        ),
        (["--target", "town", "--data-dir", "d"], "--data-dir goes with --on embedded"),
        (["--target", "town", "--bin-dir", "d"], "--bin-dir goes with --on embedded"),
        (
            ["--target", "town", "--on", "embedded", "--dsn", "host=a"],
            "--dsn and --ssh-config go with --on live",
        ),
        (
            ["--target", "town", "--on", "container", "--ssh-config", "file"],
            "--dsn and --ssh-config go with --on live",
        ),
        (
            ["--target", "town", "--target", "other/town.yaml"],
            "two targets are called town: specs/town.yaml and other/town.yaml",
        ),
    ],
)
def test_usage_errors(site: Site, arguments: list[str], message: str) -> None:
    site.write("specs/tree.yaml", TOWN)
    site.write("other/town.yaml", TOWN)
    assert refused(site, *arguments) == message.format(here=site.pytester.path)


@pytest.mark.parametrize("text", ["abc", "0", "-3", "inf"])
def test_a_time_that_is_none(site: Site, text: str) -> None:
    result = site.pytester.runpytest_inprocess(*QUIET, "--target", "town", f"--pgdeploy-timeout={text}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [f"*--pgdeploy-timeout: read '{text}'; allowed: a number of seconds from 0.1 to*"]
    )


@pytest.mark.parametrize("file", ["nowhere/report.json", "specs"])
def test_a_report_that_cannot_be_written_is_refused_at_once(site: Site, file: str) -> None:
    message = refused(site, "--target", "town", "--dsn", "host=127.0.0.1 port=1", "--pgdeploy-report", file)
    assert message.startswith(f"--pgdeploy-report {site.pytester.path / file}: ")


def collected(site: Site, *arguments: str) -> set[str]:
    result = site.pytester.runpytest_inprocess(*QUIET, "--collect-only", "-q", *arguments)
    assert result.ret == pytest.ExitCode.OK
    return {line.partition("::")[0] for line in result.outlines if "::" in line}


def test_targets_are_names_globs_and_paths(site: Site) -> None:
    for name in ("specs/tree.yaml", "specs/_base.yaml", "other/moon.yaml"):
        site.write(name, TOWN)
    assert collected(site, "--target", "town") == {"specs/town.yaml"}
    assert collected(site, "--target", "t*") == {"specs/town.yaml", "specs/tree.yaml"}
    assert collected(site, "--target", "tree", "--target", "town", "--target", "town") == {
        "specs/town.yaml",
        "specs/tree.yaml",
    }
    assert collected(site, "--target", "other/moon.yaml") == {"other/moon.yaml"}
    assert collected(site, "--target", str(site.pytester.path / "other/moon.yaml")) == {"other/moon.yaml"}


def test_the_folder_of_specs(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.write("other/moon.yaml", TOWN)
    assert collected(site, "--target", "moon", "--specs", "other") == {"other/moon.yaml"}
    monkeypatch.setenv("PGDEPLOY_SPECS", "other")
    assert collected(site, "--target", "moon") == {"other/moon.yaml"}


def test_options_may_stand_in_the_configuration(site: Site) -> None:
    site.write("pytest.ini", f"[pytest]\naddopts = --specs other --dsn '{site.server.dsn}'\n")
    site.write("other/moon.yaml", TOWN)
    assert collected(site, "--target", "moon") == {"other/moon.yaml"}


def test_no_probes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pgdeploy.gate.target.Target.probes", property(lambda _: 1 / 0))
    assert collected(site, "--target", "town", "--no-probes")


def test_the_header_names_targets_and_where(site: Site) -> None:
    site.write("specs/tree.yaml", TOWN)
    result = site.pytester.runpytest_inprocess("--target", "t*", "--on", "embedded", "--collect-only")
    assert "pgdeploy: town, tree (embedded)" in result.outlines
    assert not lines(result, "testpaths")


WITHOUT_TARGET = """
import sys
import pytest
class Look:
    def pytest_unconfigure(self):
        heavy = {"pydantic", "psycopg", "ruamel", "typer", "xdist.scheduler"} & set(sys.modules)
        heavy |= {f"pgdeploy.{room}" for room in ("model", "spec", "reach", "gate", "report")} & set(sys.modules)
        print("heavy:", sorted(heavy))
        print("modules:", sorted(name for name in sys.modules if name.startswith("pytest_pgdeploy.")))
pytest.main(["-q", "-p", "no:hypothesispytest", "-p", "no:benchmark"], plugins=[Look()])
"""


def test_without_a_target_nothing_is_collected_and_nothing_heavy_imported(site: Site) -> None:
    site.write("test_own.py", "def test_own(): pass")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TARGET],
        capture_output=True,
        text=True,
        check=True,
        cwd=site.pytester.path,
    )
    assert "1 passed" in done.stdout
    assert "heavy: []" in done.stdout
    modules = [f"pytest_pgdeploy.{name}" for name in ("fixtures", "marker", "options", "plugin")]
    assert f"modules: {modules}" in done.stdout


def test_it_lives_with_pytest_testinfra(site: Site) -> None:
    """Both have --ssh-config, and pytest refuses an option that two plugins add."""
    load: tuple[str, ...] = ()
    if find_spec("testinfra") is None:
        text = "def pytest_addoption(parser):\n    parser.addoption('--ssh-config', dest='ssh_config')\n"
        site.write("testinfra/__init__.py", text)
        load = ("-p", "testinfra")
    command = [
        sys.executable,
        "-m",
        "pytest",
        *load,
        "--target",
        "town",
        "--ssh-config",
        "file",
        "--collect-only",
    ]
    done = subprocess.run(
        [*command, "-q"], capture_output=True, text=True, check=False, cwd=site.pytester.path
    )
    assert done.returncode == 0, done.stderr
    assert "role[town_app].login" in done.stdout
