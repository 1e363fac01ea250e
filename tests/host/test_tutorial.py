"""docs/host.md is true: its spec and its commands take a bare Debian 13 to a green gate, word for word."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.host.machine import ROOT, Machine, booted, run, said

pytestmark = [pytest.mark.docker, pytest.mark.long]

TEXT = (ROOT / "docs" / "host.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The first block of this language."""
    (first, *_) = re.findall(rf"^```{language}\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    return str(first)


@pytest.fixture(scope="module")
def machine(trixie: str) -> Iterator[Machine]:
    with booted(trixie, name="db1") as found:
        found.spec(block("yaml"), "db1")
        yield found


def test_the_commands_in_their_order(machine: Machine) -> None:
    ends = []
    for line in block("sh").splitlines():
        words = shlex.split(line, comments=True)
        if not words or words[0] == "export":
            continue
        if words[0] in ("pytest", "pgdeploy"):
            # the reader's address is db1.example.org, ours is the container's
            words += ["--ssh-config", str(machine.ssh_config)] if "lint" not in words else []
        done = run([sys.executable, "-m", *words], machine, APP_PASSWORD="tutorial-app-8d1c")
        ends.append((words[0], done.returncode, said(done)))
    assert [(program, code) for program, code, _ in ends] == [
        ("pgdeploy", 0),
        ("pyinfra", 0),
        ("pyinfra", 0),
        ("pyinfra", 0),
        ("pytest", 0),
    ], ends
    (totals,) = re.findall(r"Grand total +\d+ +(\S+) +(\S+) +\S+", ends[3][2])
    assert totals == ("-", "-")
    assert " 0 drift" in ends[4][2]


def test_the_users_own_test(machine: Machine) -> None:
    """The example of a test with testinfra's `host`, beside the spec; a bare machine has no chrony."""
    (example,) = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)
    Path(machine.specs / "test_db1.py").write_text(example.replace("chrony", "ssh"))
    words = [sys.executable, "-m", "pytest", "-q", "--target=db1", "-k", "test_time_is_kept"]
    done = run([*words, "-p", "no:cacheprovider", "--ssh-config", str(machine.ssh_config)], machine)
    assert done.returncode == 0, said(done)
    assert "1 passed" in said(done)
