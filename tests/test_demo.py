"""`make demo`: what a newcomer sees first must work."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_the_demo_breaks_one_thing_and_finds_it() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/demo.py"], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    before, _, after = done.stdout.partition("Somebody breaks one thing by hand")
    assert "nothing is left to change" in before
    assert " 0 drift" in before
    assert "membership[postgres_exporter in pg_monitor].granted drifts" in after
    assert 'GRANT "pg_monitor" TO "postgres_exporter"' in after
