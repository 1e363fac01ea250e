"""What it costs to start: one check as a pytest item, `pgdeploy --help`, and a whole command with a small spec."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.reach.embedded import Cluster

ROOT = Path(__file__).parent.parent

TRIVIAL = """
import pytest

@pytest.mark.parametrize("number", range(10_000))
def test_nothing(number):
    pass
"""


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run([sys.executable, *command], check=True, capture_output=True, text=True, cwd=cwd)
    return done.stdout


@pytest.mark.benchmark(group="item")
class TestItem:
    def test_trivial(self, benchmark: Any, tmp_path: Path) -> None:
        benchmark.name = "10,000 trivial items"
        (tmp_path / "test_trivial.py").write_text(TRIVIAL)
        out = benchmark.pedantic(lambda: run("-m", "pytest", "-q", "test_trivial.py", cwd=tmp_path), rounds=2)
        assert "10000 passed" in out

    def test_gate(self, benchmark: Any, full: Cluster, spec_file: Path, tmp_path: Path) -> None:
        benchmark.name = "gate of 10,000 checks"
        command = ("-m", "pytest", "-q", f"--target={spec_file}", "--dsn", full.dsn, "--no-probes")
        out = benchmark.pedantic(lambda: run(*command, cwd=tmp_path), rounds=2)
        # fsync is off on the command line of this server
        assert f"{len(load_target(spec_file).checks) - 1} passed, 1 skipped" in out


@pytest.mark.benchmark(group="help")
class TestHelp:
    def test_library(self, benchmark: Any, tmp_path: Path) -> None:
        benchmark.name = "its CLI library"
        benchmark.pedantic(lambda: run("-c", "import typer; typer.Typer()", cwd=tmp_path), rounds=10)

    def test_help(self, benchmark: Any, tmp_path: Path) -> None:
        benchmark.name = "pgdeploy --help"
        out = benchmark.pedantic(lambda: run("-m", "pgdeploy", "--help", cwd=tmp_path), rounds=10)
        assert "lint" in out


@pytest.mark.benchmark(group="small spec")
class TestSmallSpec:
    def test_libraries(self, benchmark: Any, tmp_path: Path) -> None:
        benchmark.name = "its libraries alone"
        benchmark.pedantic(lambda: run("-c", "import psycopg, pydantic", cwd=tmp_path), rounds=10)

    def test_lint(self, benchmark: Any) -> None:
        """Import, load, all checks and all rules: what every command does before it asks a server."""
        benchmark.name = "pgdeploy lint of a small spec"
        command = [sys.executable, "-m", "pgdeploy", "lint", "prod-pg01"]

        def lint() -> str:
            return subprocess.run(command, check=False, capture_output=True, text=True, cwd=ROOT).stdout

        assert "PGD" in benchmark.pedantic(lint, rounds=10)
