"""`pgdeploy smoke`: what a spec calls healthy, in its time, and a file that says so in each case."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.reach.embedded import Cluster
from tests.program import pgdeploy as pgdeploy_program

SPEC = """\
postgres: 16
connect: {{dsn: '{dsn}'}}
roles:
  postgres: {{superuser: true, login: true}}
databases:
  postgres: {{}}
settings: {{work_mem: 4MB}}
undeclared: {{roles: ignore, databases: ignore}}
"""


@dataclass(frozen=True)
class Town:
    place: Path
    server: Cluster

    def spec(self, smoke: str = "") -> None:
        text = SPEC.format(dsn=self.server.dsn) + (f"smoke: {smoke}\n" if smoke else "")
        (self.place / "specs/town.yaml").write_text(text)

    def smoke(self, *words: str, status: int = 0) -> tuple[str, dict[str, Any]]:
        """What it prints, and the file that it writes."""
        done = pgdeploy_program(
            "smoke",
            "town",
            "--output",
            "health.json",
            *words,
            cwd=self.place,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        )
        said = done.stdout + done.stderr
        assert done.returncode == status, said
        assert "Traceback" not in said
        file = self.place / "health.json"
        data: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
        return said, data


@pytest.fixture
def town(server16: Cluster, tmp_path: Path) -> Town:
    (tmp_path / "specs").mkdir()
    return Town(tmp_path, server16)


def test_all_checks_where_the_spec_chooses_none(town: Town) -> None:
    town.spec()
    said, data = town.smoke()
    assert "town: healthy, in " in said
    assert (data["healthy"], data["why"]) == (True, "")
    assert data["asked"] == len(data["findings"]) > 20
    assert data["server"]["version"] > 160000


def test_only_what_the_spec_chooses(town: Town) -> None:
    """A drift of what is left out is no matter; of what is chosen it is."""
    town.spec("{checks: ['setting[*', 'role[postgres].*'], without: ['setting[work_mem]*']}")
    file = town.place / "specs/town.yaml"
    file.write_text(file.read_text().replace("work_mem: 4MB", "work_mem: 5MB, maintenance_work_mem: 64MB"))
    _, data = town.smoke()
    ids = [one["id"] for one in data["findings"]]
    assert ids
    assert all(one.startswith(("setting[", "role[postgres].")) for one in ids), ids
    assert "setting[maintenance_work_mem].value" in ids
    assert "setting[work_mem].value" not in ids
    file.write_text(file.read_text().replace("64MB", "63MB"))
    said, data = town.smoke(status=2)
    assert data["why"] == f"1 of {len(ids)} checks are red"
    assert f"not healthy: {data['why']}" in said


def test_what_leaves_nothing_to_ask_is_an_error(town: Town) -> None:
    """As is a run in which nothing could be answered: it proves nothing."""
    town.spec("{without: ['*']}")
    said, _ = town.smoke(status=1)
    assert "`without:` leaves no check" in said
    town.spec("{checks: ['zero_damaged*', 'setting[files].loaded'], without: ['setting[files].loaded']}")
    assert "names no check" in town.smoke(status=1)[0]


@pytest.mark.parametrize("key", ["checks", "without"])
def test_a_pattern_that_names_nothing_is_an_error(key: str, town: Town) -> None:
    town.spec(f"{{{key}: ['role[postgrse].login']}}")
    said, data = town.smoke(status=1)
    assert (
        f"smoke: {key}: role[postgrse].login names no check of this spec; did you mean role[postgres].login?"
        in said
    )
    assert data["healthy"] is False


def test_what_is_not_done_in_time_is_not_healthy(town: Town) -> None:
    """Somebody has locked what is to be read; and the server does not go on with it."""
    town.spec("{time_limit: 2s}")
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'pg_default_acl'::regclass"
    with town.server.open() as other, other.transaction():
        other.execute("LOCK TABLE pg_default_acl IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        said, data = town.smoke(status=2)
        assert time.monotonic() - began < 15
        assert other.execute(waiting).fetchone() == (0,)
    assert "town: not healthy: not done within 2s: reaching the server, in 2" in said
    assert (data["healthy"], data["time_limit"]) == (False, "2s")
    assert data["asked"] > 20
    town.smoke()


def test_tests_of_the_user(town: Town) -> None:
    """They reach the same server; one that fails, or that hangs, is not healthy."""
    town.spec("{checks: ['role[postgres].*'], tests: [../own/test_town.py], time_limit: 8s}")
    (town.place / "own").mkdir()
    file = town.place / "own/test_town.py"
    file.write_text("def test_it(facts):\n    assert facts.about.major == 16\n")
    said, data = town.smoke()
    assert "test_town.py: 1 passed" in said
    assert data["tests"][0]["exit"] == 0
    file.write_text("def test_it(facts):\n    assert facts.about.major == 15\n")
    _, data = town.smoke(status=2)
    assert "tests failed: " in data["why"]
    file.write_text("import time\ndef test_it():\n    time.sleep(60)\n")
    _, data = town.smoke(status=2)
    assert "not done within 8s: " in data["why"]
    left = subprocess.run(["pgrep", "-f", str(file)], capture_output=True, text=True, check=False)
    assert left.stdout == ""
    said, _ = town.smoke("--no-commands", "--dsn", town.server.dsn, status=1)
    assert "runs Python on this machine (refused by --no-commands)" in said


def test_a_server_that_does_not_answer(town: Town) -> None:
    town.spec()
    said, data = town.smoke("--dsn", "host=/nowhere dbname=postgres", status=1)
    assert data["healthy"] is False
    assert data["why"]
    assert data["why"].partition("\n")[0] in said


def test_a_file_that_cannot_be_written_is_said_before_anything_is_asked(town: Town) -> None:
    town.spec()
    (town.place / "health.json").mkdir()
    done = pgdeploy_program("smoke", "town", "--output", "health.json", cwd=town.place)
    assert done.returncode == 1
    assert "health.json" in done.stderr
    assert "Traceback" not in done.stderr
