"""pyinfra's inventory: a spec that cannot be used is said and left out, and is no reason not to deploy the others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GOOD = "postgres: 16\nconnect: {ssh: {host: db.example.org, user: root}}\nhost: {}\n"
LIST = "import pyinfra_deploys.targets as t; print([name for name, _ in t.postgres])"


def listed(specs: Path) -> subprocess.CompletedProcess[str]:
    ours = {key: value for key, value in os.environ.items() if not key.startswith("PGDEPLOY_")}
    return subprocess.run(
        [sys.executable, "-c", LIST],
        env={**ours, "PGDEPLOY_SPECS": str(specs), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("postgres: sixteen\n", 'broken.yaml:1:11: postgres: read "sixteen"; allowed: 14, 15, 16, 17 or 18'),
        (GOOD + "rolls: {}\n", "broken.yaml:4:1: rolls: unknown key; did you mean roles?"),
    ],
)
def test_a_broken_spec_keeps_no_other_from_being_deployed(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "broken.yaml").write_text(text)
    done = listed(tmp_path)
    assert done.stdout == "['good']\n", done.stderr
    assert done.stderr == f"{tmp_path}/{said}\nbroken is left out of the inventory\n"


def test_without_any_that_can_be_used_it_ends(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("postgres: sixteen\n")
    done = listed(tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith(f"{tmp_path}/broken.yaml:1:11: postgres: ")
    (tmp_path / "broken.yaml").unlink()
    done = listed(tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"no target in {tmp_path}/ has `host:` and `connect: {{ssh: ...}}`\n"
