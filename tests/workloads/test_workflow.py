"""The workflow for CI, whose commands are run as they stand: a change that slows a workload fails, others do not."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from pgdeploy.reach.embedded import Cluster
from tests.conftest import ROOT, cluster
from tests.workloads.shop import PASSWORD, SPEC

WORKLOAD = (
    "  statements:\n    order: {database: shop, role: app, sql: SELECT * FROM app.orders WHERE id = 4711}\n"
)
DATA = """\
\\connect shop
CREATE TABLE app.orders AS SELECT g AS id, repeat('x', 100) AS note FROM generate_series(1, 20000) g;
ALTER TABLE app.orders ADD PRIMARY KEY (id), OWNER TO app;
VACUUM ANALYZE app.orders;
"""
BEFORE, AFTER = "Measure before the change", "Compare after the change"


@pytest.fixture
def servers() -> Iterator[dict[str, Cluster]]:
    for before in cluster(16):
        for after in cluster(16):
            yield {BEFORE: before, AFTER: after}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """With a spec, its data and a commit."""
    folder = tmp_path / "repository"
    (folder / "specs").mkdir(parents=True)
    (folder / "specs/shop.yaml").write_text(SPEC + WORKLOAD)
    (folder / "data.sql").write_text(DATA)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder)
    return folder


def git(folder: Path, *words: str) -> str:
    options = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *options, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(folder: Path) -> str:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=change")
    return git(folder, "rev-parse", "HEAD")


def measured(
    repository: Path, servers: dict[str, Cluster], home: Path
) -> tuple[subprocess.CompletedProcess[str], ...]:
    """What the two steps of the workflow do when the last commit is what changes."""
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed")
    home.mkdir()
    workflow = YAML(typ="safe").load(ROOT / ".github/workflows/regression.yml")
    steps = {step.get("name"): step for step in workflow["jobs"]["regression"]["steps"]}
    known = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    known |= {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TARGET": "shop",
        "DATA": "data.sql",
        "RUNNER_TEMP": str(home),
        "BASE": git(repository, "rev-parse", "HEAD~1"),
        "WORKLOAD_PASSWORD": PASSWORD,
    }
    return tuple(
        subprocess.run(
            ["bash", "-e", "-c", steps[name]["run"]],
            cwd=repository,
            env=known | {"DSN": servers[name].dsn},
            capture_output=True,
            text=True,
            check=False,
        )
        for name in (BEFORE, AFTER)
    )


def test_an_index_that_a_change_takes_away_fails(
    repository: Path, servers: dict[str, Cluster], tmp_path: Path
) -> None:
    (repository / "data.sql").write_text(DATA.replace("ADD PRIMARY KEY (id), ", ""))
    commit(repository)
    before, after = measured(repository, servers, tmp_path / "runner")
    assert (before.returncode, before.stderr) == (0, "")
    assert after.returncode == 2
    assert "workload[order]: slower: " in after.stdout
    assert PASSWORD not in before.stdout + after.stdout + after.stderr


def test_a_change_of_the_docs_alone_passes(
    repository: Path, servers: dict[str, Cluster], tmp_path: Path
) -> None:
    (repository / "README.md").write_text("A shop.\n")
    commit(repository)
    before, after = measured(repository, servers, tmp_path / "runner")
    assert (before.returncode, after.returncode) == (0, 0), before.stderr + after.stderr
    assert "workload[order]: s" in after.stdout or "workload[order]: cannot tell" in after.stdout
