"""The command line as a user has it: exit codes, what stands on stdout, what `--json` gives."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.program import pgdeploy as pgdeploy_program

SPEC = """\
postgres: 16
settings: {work_mem: 8MB, max_connections: 50}
roles:
  postgres: {superuser: true, login: true}
  reader: {login: true, password: {env: CLI_TEST_PASSWORD}}
databases:
  shop:
    schemas: {sales: {}}
    grants:
      - {grant: [USAGE], on: {schema: sales}, to: [reader]}
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`pgdeploy` in a folder of its own with one spec, specs/shop.yaml."""
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/shop.yaml").write_text(SPEC)
    environment = {**os.environ, "CLI_TEST_PASSWORD": "not-a-secret"}

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return pgdeploy_program(*arguments, cwd=tmp_path, env=environment)

    return call


@pytest.fixture
def here() -> Iterator[tuple[str, ...]]:
    """An embedded server that is kept between commands."""
    with TemporaryDirectory(prefix="pgdeploy-cli-") as home:
        Path(home).chmod(0o755)
        yield "--on", "embedded", "--data-dir", f"{home}/cluster"


def test_from_nothing_to_conforming(run: Run, here: tuple[str, ...]) -> None:
    assert run("check", "shop", *here).returncode == 1
    assert not Path(here[-1]).exists()
    before = run("plan", "shop", *here)
    assert before.returncode == 2
    assert "held no cluster: made a new one, which is empty" in before.stderr
    assert "held no cluster" not in run("plan", "shop", *here).stderr
    assert 'CREATE ROLE "reader"' in before.stdout
    assert "setting[work_mem].value: desired 8MB, actual 4MB (specs/shop.yaml:2:12)" in before.stdout
    assert run("check", "shop", *here, "--no-probes").returncode == 2

    applied = run("apply", "shop", *here, "--yes")
    assert applied.returncode == 0, applied.stderr
    assert "nothing is left to change" in applied.stdout

    assert run("plan", "shop", *here).returncode == 0
    checked = run("check", "shop", *here)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 drift" in checked.stdout


def test_a_plan_as_json_says_all(run: Run, here: tuple[str, ...]) -> None:
    plan = json.loads(run("plan", "shop", *here, "--json").stdout)
    changes = {statement: change for change in plan["changes"] for statement in change["sql"]}
    connections = changes["ALTER SYSTEM SET \"max_connections\" TO '50'"]
    assert connections["causes"] == ["setting[max_connections].value"]
    assert connections["effect"] == "restart"
    assert connections["risk"] == "safe"
    assert any(change["database"] == "shop" for change in plan["changes"])


def test_a_saved_plan_is_done_once(run: Run, here: tuple[str, ...], tmp_path: Path) -> None:
    saved = str(tmp_path / "plan.json")
    run("plan", "shop", *here, "--out", saved)
    assert run("apply", "shop", *here, "--plan", saved, "--yes").returncode == 0
    again = run("apply", "shop", *here, "--plan", saved, "--yes")
    assert again.returncode == 1
    assert "moved since this plan was saved" in again.stderr


def test_a_saved_plan_is_for_one_server_and_one_spec(run: Run, here: tuple[str, ...], tmp_path: Path) -> None:
    saved = str(tmp_path / "plan.json")
    run("plan", "shop", *here, "--out", saved)
    elsewhere = run("apply", "shop", "--on", "embedded", "--plan", saved, "--yes")
    assert elsewhere.returncode == 1
    assert "made for another server" in elsewhere.stderr
    spec = tmp_path / "specs/shop.yaml"
    spec.write_text(SPEC + "description: another\n")
    other = run("apply", "shop", *here, "--plan", saved, "--yes")
    assert other.returncode == 1
    assert "made for another spec" in other.stderr


@pytest.mark.parametrize(
    "words", [("plan",), ("plan", "shop", "--on", "embeded"), ("apply", "shop", "--json")]
)
def test_a_misspelt_command_is_an_error_not_a_change(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).returncode == 1


def test_nobody_to_ask_means_no(run: Run, here: tuple[str, ...]) -> None:
    refused = run("apply", "shop", *here)
    assert refused.returncode == 1
    assert "--yes" in refused.stderr
    assert run("plan", "shop", *here).returncode == 2


def test_check_as_json_has_every_check(run: Run) -> None:
    report = json.loads(run("check", "shop", "--on", "embedded", "--json").stdout)
    (target,) = report["targets"]
    by_id = {finding["id"]: finding for finding in target["findings"]}
    assert by_id["role[reader].login"]["verdict"] == "conforms"
    assert by_id["role[reader].login"]["spec"] == {"file": "specs/shop.yaml", "line": 5, "column": 12}
    assert target["counts"]["drifts"] == 0


def test_a_server_that_is_down_says_nothing_of_the_others(
    run: Run, here: tuple[str, ...], tmp_path: Path
) -> None:
    run("apply", "shop", *here, "--yes")
    down = "postgres: 16\nconnect: {dsn: 'host=/nowhere user=x'}\nroles: {}\n"
    for name in ("dev-a", "dev-b"):
        (tmp_path / f"specs/{name}.yaml").write_text(down.replace("nowhere", name))
    shown = run("check", "dev-*")
    assert shown.returncode == 1
    assert [line.partition(": ")[0] for line in shown.stderr.splitlines()] == ["dev-a", "dev-b"]
    both = run("check", "*", "--on", "embedded", "--json")
    assert both.returncode in (0, 2), both.stderr
    listed = run("check", "dev-*", "--json")
    assert [(one["target"], "/dev-" in one["error"]) for one in json.loads(listed.stdout)["targets"]] == [
        ("dev-a", True),
        ("dev-b", True),
    ]


def test_one_server_that_is_down_is_one_message(run: Run, tmp_path: Path) -> None:
    (tmp_path / "specs/down.yaml").write_text("postgres: 16\nconnect: {dsn: 'host=/nowhere user=x'}\n")
    shown = run("check", "down", "--json")
    assert (shown.returncode, shown.stdout) == (1, "")
    assert shown.stderr.startswith("pgdeploy: /nowhere: ")


@pytest.mark.parametrize("command", [(), ("plan",), ("check",), ("vm",), ("vm", "plan")])
def test_help_has_a_short_name(run: Run, command: tuple[str, ...]) -> None:
    short, long = run(*command, "-h"), run(*command, "--help")
    assert (short.returncode, short.stdout) == (0, long.stdout)
    assert "-h, --help" in long.stdout


def test_every_problem_of_a_spec_at_once(run: Run, tmp_path: Path) -> None:
    spec = tmp_path / "specs/shop.yaml"
    spec.write_text(SPEC.replace("work_mem: 8MB", "work_mem: 8XB").replace("login: true}", "logn: true}"))
    refused = run("plan", "shop", "--on", "embedded")
    assert refused.returncode == 1
    assert "specs/shop.yaml:2:22: settings.work_mem" in refused.stderr
    assert "did you mean login?" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_schema_is_json(run: Run) -> None:
    assert json.loads(run("schema").stdout)["title"] == "Spec"
