"""pyinfra as a process of its own: what it is given, what is said when it fails; and where `pgdeploy up` stops."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pgdeploy.cli import app
from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.gate import deploy as deploying
from pgdeploy.gate.deploy import deploy
from pgdeploy.gate.target import Target, load_target

SPEC = """\
postgres: 15
connect: {ssh: {host: 127.0.0.1, port: 1}}
host: {}
"""


@pytest.fixture
def target(tmp_path: Path) -> Target:
    file = tmp_path / "some.yaml"
    file.write_text(SPEC)
    return load_target(file)


def stand_in(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """This program runs instead of pyinfra."""
    monkeypatch.setattr(deploying, "_command", lambda _: [sys.executable, "-c", program])


def test_the_command(target: Target) -> None:
    command = deploying._command(target)
    assert command[:3] == [sys.executable, "-m", "pyinfra"]
    assert [Path(file).name for file in command[3:5]] == ["targets.py", "pg01.py"]
    assert command[5:] == ["--limit", "some", "-y"]


def test_what_it_is_given(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = tmp_path / "seen"
    program = (
        f"import json, os, sys; json.dump([dict(os.environ), sys.stdin.read()], open({str(seen)!r}, 'w'))"
    )
    stand_in(monkeypatch, program)
    monkeypatch.setenv("SOME_PASSWORD", "canary")
    monkeypatch.chdir(tmp_path)
    notes: list[str] = []
    deploy(target, Path("ssh_config"), notes.append)
    environment, stdin = json.loads(seen.read_text())
    assert stdin == ""
    assert environment["SOME_PASSWORD"] == "canary"
    assert environment["PGDEPLOY_SPECS"] == str(tmp_path)
    assert environment["PGDEPLOY_SSH_CONFIG"] == str(tmp_path / "ssh_config")
    assert notes == ["deploying some with pyinfra"]


def test_its_last_lines_are_told(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "import sys; [print('line', n) for n in range(99)]; sys.exit('the end')")
    with pytest.raises(TargetError) as error:
        deploy(target, None, lambda _: None)
    first, *rest = str(error.value).splitlines()
    assert first == "deploying some failed:"
    assert len(rest) == deploying.LAST_LINES
    assert "  | the end" in rest
    assert "  | line 98" in rest


@pytest.mark.parametrize(
    ("text", "lacking", "on"),
    [
        ("postgres: 15\n", "`host:`", "live"),
        ("postgres: 15\n", "`host:`", "container"),
        # a container needs no way to it in the spec
        ("postgres: 15\nhost: {}\n", "`connect: {ssh: ...}`", "live"),
    ],
)
def test_a_spec_without_a_host(tmp_path: Path, text: str, lacking: str, on: str) -> None:
    (tmp_path / "some.yaml").write_text(text)
    result = CliRunner().invoke(app, ["up", str(tmp_path / "some.yaml"), "--on", on])
    assert isinstance(result.exception, TargetError)
    assert str(result.exception) == f"{tmp_path}/some.yaml: there is no host to deploy: write {lacking}"
    assert result.stderr == "some: stopped at: deploy\n"


def test_without_pyinfra(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deploying, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"pgdeploy\[host\]"):
        deploy(target, None, lambda _: None)


def test_up_stops_at_the_deploy(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "raise SystemExit('no such package')")
    result = CliRunner().invoke(app, ["up", str(target.file)])
    assert str(result.exception) == "deploying some failed:\n  | no such package"
    assert result.stderr.splitlines() == ["note: deploying some with pyinfra", "some: stopped at: deploy"]


def test_up_stops_at_the_gate(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, "pass")
    result = CliRunner().invoke(app, ["up", str(target.file)])
    assert isinstance(result.exception, TargetError)
    assert "Connection refused" in str(result.exception)
    assert result.stderr.splitlines()[-1] == "some: stopped at: gate"


def test_up_knows_hosts_only(target: Target) -> None:
    result = CliRunner().invoke(app, ["up", str(target.file), "--on", "embedded"])
    assert result.exit_code == 2
