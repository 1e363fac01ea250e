"""The commands of a document, as a person runs them: in a terminal, and yes to what is asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.host.machine import ROOT, Machine, environment


def commands(document: str, heading: str) -> list[str]:
    """The lines of the first block of commands below this heading, without what explains them."""
    _, _, below = (ROOT / document).read_text().partition(f"\n### {heading}\n")
    found = re.search(r"^```sh\n(.*?)^```", below.partition("\n### ")[0], re.DOTALL | re.MULTILINE)
    assert found is not None, heading
    return [line.partition(" #")[0].strip() for line in found[1].splitlines()]


def typed(command: str, machine: Machine) -> tuple[int, str]:
    """The exit code of the command, and all that the terminal showed."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        env={**environment(machine), "PATH": path, "TERM": "dumb", "COLUMNS": "400"},
        cwd=ROOT,
        input="y\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout
