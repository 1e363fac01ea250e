"""From a bare Debian to a green gate: pg01.py once, once more, and the proof."""

from __future__ import annotations

import re
import sys

import pytest

from tests.host.machine import ROOT, Machine, deploy, deployed, pyinfra, run

pytestmark = [pytest.mark.docker, pytest.mark.long]


def totals(said: str) -> list[str]:
    """Success, error and no change of pyinfra's grand total."""
    (line,) = re.findall(r"Grand total +\d+ +(\S+) +(\S+) +(\S+)", said)
    return list(line)


def planned(machine: Machine) -> set[tuple[str, str]]:
    """What a dry run says of its operations: how many would change, and how many would on a condition."""
    done = run(pyinfra("--dry"), machine)
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^    \S.*\| .* +(\S.*?)  +(\S.*?) *$", done.stdout + done.stderr, re.MULTILINE)
    return {row for row in rows if row != ("Change", "Conditional Change")}


@pytest.fixture(params=["pg01", "pg01_trixie"])
def machine(request: pytest.FixtureRequest) -> Machine:
    found: Machine = request.getfixturevalue(request.param)
    return found


def test_the_second_run_changes_nothing(machine: Machine) -> None:
    success, error, unchanged = totals(deployed(machine))
    assert (success, error) == ("-", "-")
    assert int(unchanged) > 20


def test_a_dry_run_finds_nothing_to_do(machine: Machine) -> None:
    assert planned(machine) == {("-", "-")}


def test_the_gate_is_green(machine: Machine) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--target=prod-pg01"]
    done = run([*command, "--ssh-config", str(machine.ssh_config)], machine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 drift" in done.stdout


def test_limit_leaves_other_hosts_alone(machine: Machine) -> None:
    done = deploy(machine, "--limit", "another")
    assert "Starting operation" not in done.stdout + done.stderr


def test_the_steps_are_installed_with_the_package() -> None:
    text = (ROOT / "pyinfra_deploys" / "pg01.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40, "pg01.py is a table of contents"
