"""Presets, and the lines for crontab, which are run as they are printed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.target import load_target
from pgdeploy.layers import layer_of
from pgdeploy.model.backup import DumpSpec
from pgdeploy.reach.embedded import Cluster
from tests.backups.town import SPEC, run, write_spec

PGDEPLOY = Path(sys.executable).parent / "pgdeploy"


def section(place: Path, text: str) -> DumpSpec:
    write_spec(place, SPEC.replace("backup:\n", f"backup:\n{text}"))
    spec: DumpSpec = layer_of("backup").of(load_target(place / "specs/town.yaml").spec)
    return spec


def test_presets(tmp_path: Path) -> None:
    production = section(tmp_path, "  preset: production\n")
    assert production.schedule is not None
    assert (production.schedule.backup, production.retention.days, production.recovery.rpo) == (
        "hourly",
        30,
        "2h",
    )
    other = section(tmp_path, "  preset: production\n  retention: {count: 3}\n")
    assert (other.retention.count, other.retention.days, other.recovery.rpo) == (3, None, "2h")
    staging = section(tmp_path, "  preset: staging\n")
    assert staging.schedule is not None
    assert (staging.schedule.backup, staging.recovery.rpo) == ("daily", "26h")
    assert section(tmp_path, "").schedule is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  preset: prod\n", "backup.preset: read \"prod\"; allowed: 'production' or 'staging'"),
        ("  schedule: {backup: 15 2 * *}\n", "allowed: hourly, daily, weekly, or the five fields of crontab"),
        ("  schedule: {backup: '* * * * * rm'}\n", "or the five fields of crontab"),
        ('  schedule: {backup: "0 1 * * *\\n0"}\n', "or the five fields of crontab"),
    ],
)
def test_what_is_wrong_in_a_schedule(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        section(tmp_path, text)
    assert said in str(caught.value)


def test_the_lines_run_as_they_are_printed(server: Cluster, tmp_path: Path) -> None:
    place = tmp_path / "a 100% town"
    place.mkdir()
    connect = f"connect: {{dsn: '{server.dsn}'}}\n"
    write_spec(place, connect + SPEC.replace("backup:\n", "backup:\n  schedule: {backup: '7 * * * 1-5'}\n"))
    command = [str(PGDEPLOY), "backup", "town", "schedule"]
    printed = subprocess.run(
        command, cwd=place, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert printed[0] == "# backups of town"
    times = [line.split(" cd ")[0] for line in printed[1:]]
    assert times == ["7 * * * 1-5", "30 3 * * 0"]
    for line in printed[1:]:
        # as cron does: the sixth field is for sh, and \% stands for %
        shell = line.split(" ", 5)[5].replace(r"\%", "%")
        assert "%" not in line.replace(r"\%", "")
        done = subprocess.run(
            ["sh", "-c", shell], capture_output=True, text=True, check=False, env={"HOME": "/"}
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert len(list((place / "specs/kept").glob("2*"))) == 1
    assert len(list((place / "specs/kept/records").iterdir())) == 1


def test_without_a_schedule_it_says_what_to_write(tmp_path: Path) -> None:
    write_spec(tmp_path)
    done = run(tmp_path, "backup", "town", "schedule")
    assert (done.returncode, "write `schedule:` or `preset:` into " in done.stderr) == (1, True)
