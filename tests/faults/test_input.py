"""What is wrong with the command line, a file or an address: one message, exit code 1, no traceback, no password."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from pgdeploy.cli import main

GOOD = "postgres: 16\nroles: {postgres: {superuser: true, login: true}}\n"
SECRET = "hunter2"
NO_DSN = "--dsn: its .* .not shown: it may be a .*password"

# The arguments, and what must be said.
CASES: list[tuple[str, str]] = [
    # the target
    ("plan nosuch", "no target nosuch in specs/; did you mean|no target nosuch in specs/; there are"),
    ("plan godo", "did you mean good"),
    ("check no*", r"no target no\* in specs/"),
    ("plan nosuch.yaml", "nosuch.yaml: no such spec file"),
    ("plan good.yaml", "good.yaml: no such spec file; the targets of specs/ have names without .yaml: good"),
    ("plan other/good.yml", "other/good.yml: no such spec file; the targets of specs/ .*: good"),
    (
        "plan good --specs nowhere",
        r"no target good: the folder of specs, /\S+/nowhere, does not exist; .*--specs",
    ),
    ("vm plan good --specs folder", r"no target good: the folder of specs, /\S+/folder, holds no spec"),
    ("lint good --specs=file", r"no target good: the folder of specs, /\S+/file, holds no spec"),
    ("plan godo --specs specs", "no target godo in specs/; did you mean good"),
    ("plan folder/", "folder"),
    ("plan specs", "no target specs"),
    ("plan goo*", r"goo\* means \d+ targets; name one"),
    ("plan broken", r"specs/broken.yaml:2:1: this is not YAML"),
    ("plan binary", r"specs/binary.yaml:1:1: byte 0xff is not UTF-8"),
    ("lint empty", r"specs/empty.yaml:1:1: postgres: this key is required"),
    ("check good broken empty", r"specs/broken.yaml:2:1: (?s:.*)specs/empty.yaml:1:1: "),
    ("plan good", "nothing says how to reach good: write `connect:` or give --dsn"),
    # options
    ("frob", "No such command 'frob'"),
    ("plan", "Missing argument"),
    ("lint", "name a target"),
    ("lint --explain nope", "there is no rule nope"),
    ("plan good --on moon", "^pgdeploy: --on: 'moon' is not one of 'live', 'embedded', 'container'"),
    (
        "plan good --timeout abc",
        "^pgdeploy: --timeout: read 'abc'; allowed: a number of seconds from 0.1 to 86400\n",
    ),
    ("plan good --timeout 0", "^pgdeploy: --timeout: read '0'; allowed"),
    ("check good --timeout nan", "^pgdeploy: --timeout: read 'nan'; allowed"),
    (
        "plan good more",
        "^pgdeploy: nothing may stand behind the target, and here stands: more\npgdeploy plan --help",
    ),
    (
        "plan good --on embedded --out nosuch/plan.json",
        "^pgdeploy: --out nosuch/plan.json: the folder nosuch does not",
    ),
    ("plan good --data-dir x", "--data-dir goes with --on embedded"),
    ("plan good --on embedded --dsn x", "--dsn and --ssh-config go with --on live"),
    ("apply good --dsn host=x --lock-timeout banana", "--lock-timeout: read 'banana'"),
    ("apply good --dsn host=x --lock-timeout=-5", "--lock-timeout: read '-5'"),
    # the data directory
    ("plan good --on embedded --data-dir folder", "folder: holds something else"),
    ("plan good --on embedded --data-dir file", "file: cannot make the data directory"),
    ("plan good --on embedded --data-dir file/x", "file/x: cannot make the data directory"),
    ("check good --on embedded --data-dir nosuch", "nosuch: this folder does not exist; .* pgdeploy apply"),
    ("check good --on embedded --data-dir specs", "specs: holds no cluster of pgdeploy; check the name"),
    ("check good --on embedded --data-dir pgdata", "pgdata: this is a data directory of PostgreSQL itself"),
    # addresses; each has a password in it
    ("plan good --dsn garbage=hunter2", NO_DSN),
    ("plan good --dsn host=/nonexistent+pasword=hunter2", NO_DSN + r".*did you mean password\? "),
    ("plan good --dsn hots=a+password=hunter2", r"--dsn: its 1st option .*did you mean host\? "),
    ("plan good --dsn postgresql://u:hunter2@a/x?sslmod=require", r"--dsn: its .*did you mean sslmode\? "),
    ("plan good --dsn database=hunter2", r"did you mean dbname\? "),
    ("plan good --dsn postgresql://u:hunter2@[::1/x", NO_DSN),
    ("plan good --dsn postgresql://u:hunter2@127.0.0.1:1/x", "127.0.0.1:1: .*Connection refused"),
    ("plan good --dsn postgresql://u:hunter2@nosuch.invalid/x", "nosuch.invalid: .*resolve"),
    ("check good --dsn host=/nonexistent+password=hunter2", "/nonexistent: .*No such file or directory"),
    (
        "apply good --dsn host=/nonexistent+password=hunter2 --yes",
        "/nonexistent: .*No such file or directory",
    ),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PGDEPLOY_SPECS", "specs")  # restored in the end, whatever --specs says
    specs = tmp_path / "specs"
    specs.mkdir()
    for name in ("good", "goose"):
        (specs / f"{name}.yaml").write_text(GOOD)
    (specs / "broken.yaml").write_text("postgres: [16\n")
    (specs / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    (specs / "empty.yaml").write_text("")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "photo.jpg").touch()
    (tmp_path / "file").touch()
    (tmp_path / "pgdata").mkdir()
    (tmp_path / "pgdata" / "PG_VERSION").write_text("16\n")
    return tmp_path


def said(arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What a command says on stderr when it fails."""
    monkeypatch.setattr(sys, "argv", ["pgdeploy", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    output = capsys.readouterr()
    assert ended.value.code == 1
    assert "Traceback" not in output.err
    assert SECRET not in output.out + output.err
    return output.err


@pytest.mark.parametrize(("arguments", "message"), CASES, ids=[arguments for arguments, _ in CASES])
def test_one_clear_message(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: str,
    message: str,
) -> None:
    words = [word.replace("+", " ") for word in arguments.split()]
    text = said(words, monkeypatch, capsys)
    assert re.search(message, text)
    assert len(text.splitlines()) <= 4


@pytest.mark.parametrize("plan", ["nosuch.json", "file", "folder", "specs/binary.yaml", "list.json"])
def test_a_saved_plan_that_is_none(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], plan: str
) -> None:
    (folder / "list.json").write_text("[1]")
    arguments = ["apply", "good", "--on", "embedded", "--yes", "--plan", plan]
    assert plan in said(arguments, monkeypatch, capsys)


@pytest.mark.parametrize("out", ["folder", "nosuch/plan.json", "file/plan.json", "/dev/full"])
def test_a_plan_that_cannot_be_saved(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], out: str
) -> None:
    text = said(["plan", "good", "--on", "embedded", "--out", out], monkeypatch, capsys)
    assert re.search(f"{re.escape(out)}: .+", text)
