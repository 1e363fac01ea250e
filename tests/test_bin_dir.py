"""`--bin-dir`: an embedded server of any PostgreSQL that is on this machine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import require_programs
from tests.output.command import run

SPEC = "postgres: {major}\nroles:\n  postgres: {{superuser: true}}\n  app: {{login: true}}\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    return tmp_path / "town.yaml"


@pytest.mark.parametrize("major", [14, 17])
def test_the_server_is_of_that_version(spec: Path, major: int) -> None:
    spec.write_text(SPEC.format(major=major))
    code, said = run(
        "check", str(spec), "--on", "embedded", "--bin-dir", str(require_programs(major)), "--json"
    )
    assert code == 0, said
    (target,) = json.loads(said[said.index("{\n") :])["targets"]
    assert target["server"]["version"] // 10000 == major
    verdicts = {finding["id"]: finding["verdict"] for finding in target["findings"]}
    assert verdicts["server[postgres].major"] == "conforms"
    assert verdicts["role[app].login"] == "conforms"


def test_without_it_the_version_is_not_asked(spec: Path) -> None:
    spec.write_text(SPEC.format(major=17))
    code, said = run("check", str(spec), "--on", "embedded")
    assert code == 0, said
    assert (
        "the embedded server is PostgreSQL 16; --bin-dir names other programs: server[postgres].major" in said
    )


def test_another_version_than_the_spec_s_is_one_error(spec: Path) -> None:
    spec.write_text(SPEC.format(major=15))
    folder = require_programs(17)
    code, said = run("plan", str(spec), "--on", "embedded", "--bin-dir", str(folder))
    assert code == 1
    assert said == f"pgdeploy: --bin-dir {folder}: holds PostgreSQL 17, and the spec is for 15\n"


def test_a_folder_without_programs_is_one_error(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.format(major=16))
    code, said = run("plan", str(spec), "--on", "embedded", "--bin-dir", str(tmp_path))
    assert code == 1
    hint = "it is the folder that `pg_config --bindir` prints"
    assert said == f"pgdeploy: --bin-dir {tmp_path}: has no postgres, initdb, pg_ctl; {hint}\n"


def test_what_is_no_postgresql_is_one_error(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.format(major=16))
    for name in ("postgres", "initdb", "pg_ctl"):
        (tmp_path / name).write_text("#!/bin/sh\necho something else\n")
        (tmp_path / name).chmod(0o755)
    code, said = run("plan", str(spec), "--on", "embedded", "--bin-dir", str(tmp_path))
    assert code == 1
    assert said == f"pgdeploy: --bin-dir {tmp_path}: postgres --version says 'something else'\n"


def test_it_is_for_embedded_servers(spec: Path, tmp_path: Path) -> None:
    spec.write_text(SPEC.format(major=16))
    code, said = run("check", str(spec), "--bin-dir", str(tmp_path))
    assert code != 0
    assert "--bin-dir goes with --on embedded" in said
