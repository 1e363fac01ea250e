"""What runs on the host: it needs nothing but an old Python, and a section that fails is its own error."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.gate.target import load_target
from pgdeploy.layers.host import gather
from pgdeploy.layers.host.declared import declared_host
from pgdeploy.layers.host.question import question, script
from pgdeploy.reach import remote
from tests.host.machine import Machine
from tests.host.texts import pg15


def asked(folder: Path) -> dict[str, Any]:
    file = folder / "pg01.yaml"
    file.write_text(pg15(), encoding="utf-8")
    declared = declared_host(load_target(file).declared)
    assert declared is not None
    return question(declared)


def test_an_old_python_takes_it() -> None:
    tree = ast.parse(script(), feature_version=(3, 9))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    imported |= {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert {str(known).partition(".")[0] for known in imported} <= sys.stdlib_module_names


def test_every_section_is_answered_anywhere(tmp_path: Path) -> None:
    """On this machine, which is no such host: a value or an error each, and nothing but JSON."""
    command = remote.command(script(), asked(tmp_path))
    done = subprocess.run(["sh", "-c", command], capture_output=True, check=True)
    answer = remote.answer("here", done.returncode, done.stdout, done.stderr)
    assert set(answer) == set(gather.SECTIONS)
    assert all(set(section) in ({"value"}, {"error"}) for section in answer.values())
    assert answer["space"]["value"] is None
    assert answer["record"]["value"] is None


def test_an_address_of_the_kernel_is_read() -> None:
    assert gather._address("0100007F") == "127.0.0.1"
    assert gather._address("00000000000000000000000001000000") == "::1"


ORIGINS = """\
postgresql-15:
  Installed: 15.4-1
  Candidate: 15.5-1
  Version table:
     15.5-1 500
        500 http://new.example/debian bookworm/main amd64 Packages
 *** 15.4-1 100
        500 http://old.example/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
     15.3-1 500
        500 http://older.example/debian bookworm/main amd64 Packages
"""


def test_the_origin_is_that_of_the_installed_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gather, "run", lambda *command, allowed=(0,): ORIGINS)
    found = gather.origins({"origins": ["postgresql-15"]})
    assert found == {"postgresql-15": ["http://old.example/debian bookworm/main"]}


def test_a_bare_machine_answers(bare: Machine, tmp_path: Path) -> None:
    """Nothing is installed there yet: most is absent, and hardly anything unreadable."""
    command = remote.command(script(), asked(tmp_path))
    done = subprocess.run(
        ["docker", "exec", bare.container, "sh", "-c", command], capture_output=True, check=True
    )
    answer = remote.answer("bare", done.returncode, done.stdout, done.stderr)
    errors = {name for name, section in answer.items() if "error" in section}
    assert errors == set(), json.dumps(answer)
    assert answer["packages"]["value"]["postgresql-15"] is None
    assert answer["os"]["value"]["codename"] == "bookworm"
    assert {"address": "0.0.0.0", "port": 22, "program": "sshd"} in answer["listening"]["value"]
