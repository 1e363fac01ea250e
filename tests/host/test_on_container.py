"""`--on container`: a host is started, deployed and proved, by the command line and by pytest, and then gone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pgdeploy.gate.container.docker import docker

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.usefixtures("engine")]

SPEC = """\
postgres: 15
connect: {ssh: {host: pg-box, user: root}}
host: {}
settings: {work_mem: 8MB}
roles:
  postgres: {superuser: true}
  box_app: {login: true, password: {env: BOX_APP_PASSWORD}}
"""

OWN = """\
def test_own(host, target):
    assert host.backend.NAME == "docker"
    assert host.service("postgresql@15-main").is_running
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/box.yaml").write_text(SPEC)
    (tmp_path / "specs/test_own.py").write_text(OWN)
    return tmp_path


def run(site: Path, *command: str) -> tuple[int, str]:
    """In a folder that has the specs alone, with no secret set."""
    known = {name: value for name, value in os.environ.items() if name != "BOX_APP_PASSWORD"}
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=site, env=known, capture_output=True, text=True, check=False
    )
    assert [name for name in containers() if name in done.stdout] == []
    return done.returncode, done.stdout + done.stderr


def containers() -> list[str]:
    return docker("ps", "-a", "--format", "{{.Names}}").split()


def test_up(site: Path) -> None:
    code, said = run(site, "pgdeploy", "up", "box", "--on", "container")
    assert code == 0, said
    assert "using generated passwords in the container: BOX_APP_PASSWORD" in said
    assert " at container " in said
    assert "0 drift" in said


def test_pytest(site: Path) -> None:
    code, said = run(
        site, "pytest", "-p", "no:cacheprovider", "-W", "error", "--target=box", "--on", "container"
    )
    assert code == 0, said
    assert "using generated passwords in the container: BOX_APP_PASSWORD" in said
    assert "specs/test_own.py ." in said
