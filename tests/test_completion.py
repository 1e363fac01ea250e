"""The shell completes commands, options and the names of targets."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


def completed(words: str, specs: Path) -> list[str]:
    environment = {
        **os.environ,
        "PGDEPLOY_SPECS": str(specs),
        "_PGDEPLOY_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    code = "import sys; sys.argv = ['pgdeploy']; from pgdeploy.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("pgdeploy ap", ["apply"]),
        ("pgdeploy plan prod-", ["prod-a", "prod-b"]),
        ("pgdeploy check prod-a st", ["staging"]),
        ("pgdeploy vm start stag", ["staging"]),
        ("pgdeploy plan nobody", []),
        ("pgdeploy apply --allow-d", ["--allow-downtime", "--allow-destructive"]),
    ],
)
def test_what_the_shell_offers(words: str, found: list[str], tmp_path: Path) -> None:
    for name in ("prod-a", "prod-b", "staging", "_base", "prod-\nforged"):
        (tmp_path / f"{name}.yaml").write_text("postgres: 16\n")
    assert completed(words, tmp_path) == found


def test_without_a_folder_of_specs_nothing_is_offered(tmp_path: Path) -> None:
    assert completed("pgdeploy plan x", tmp_path / "none") == []
