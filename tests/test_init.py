"""`pgdeploy init`: what it writes has no advice and conforms at once, and nothing is replaced."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from ruamel.yaml import YAML

KINDS = ("embedded", "dsn", "host", "vm")


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="pgdeploy-init-") as home:
        Path(home).chmod(0o755)  # the embedded server runs as another user when we are root
        yield Path(home)


@pytest.mark.parametrize("kind", KINDS)
def test_what_it_writes_has_no_advice(folder: Path, kind: str) -> None:
    made = run(folder, "pgdeploy", "init", "shop", "--for", kind, "--address", "db.example.net")
    assert (made.returncode, made.stderr) == (0, "")
    advised = run(folder, "pgdeploy", "lint", "shop")
    assert (advised.returncode, advised.stdout) == (0, "no advice\n"), advised.stdout + advised.stderr
    text = (folder / "specs/shop.yaml").read_text()
    assert ("db.example.net" in text) is (kind != "embedded")
    assert ("\nvm:" in text, "\nhost:" in text) == (kind == "vm", kind in ("host", "vm"))
    assert "@" not in text.replace("pgdeploy@pve", "")
    example = (folder / "specs/shop.env.example").read_text().splitlines()
    named = {line.partition("=")[0] for line in example if not line.startswith("#")}
    assert {word.partition("}")[0] for word in text.split("{env: ")[1:]} == named


def test_it_conforms_and_its_own_test_passes_at_once(folder: Path) -> None:
    assert run(folder, "pgdeploy", "init", "shop").returncode == 0
    asked = run(folder, "pgdeploy", "check", "shop", "--on", "embedded")
    assert asked.returncode == 0, asked.stdout
    assert " 0 drift" in asked.stdout
    tested = run(folder, "pytest", "-q", "-p", "no:cacheprovider", "--target=shop", "--on", "embedded")
    assert tested.returncode == 0, tested.stdout
    assert "test_own.py" not in tested.stdout


def test_the_workflow_is_one(folder: Path) -> None:
    assert run(folder, "pgdeploy", "init", "shop").returncode == 0
    workflow = YAML(typ="safe").load(folder / ".github/workflows/specs.yml")
    said = [step["run"] for step in workflow["jobs"]["specs"]["steps"] if "run" in step]
    assert said[1:] == ["pgdeploy lint '*'", "pgdeploy check '*' --on embedded --no-commands"]
    refused = run(folder, "pgdeploy", "check", "*", "--on", "embedded", "--no-commands")
    assert refused.returncode == 0, refused.stderr


def test_nothing_is_replaced_and_nothing_half_written(folder: Path) -> None:
    (folder / ".gitignore").write_text("mine\n")
    refused = run(folder, "pgdeploy", "init", "shop")
    assert (refused.returncode, refused.stderr) == (
        1,
        "pgdeploy: .gitignore: exists already; nothing was written\n",
    )
    assert [path.name for path in folder.iterdir()] == [".gitignore"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["Shop"], "Shop: allowed: lower-case letters, digits and -, a letter first"),
        (["../x"], "../x: allowed:"),
        (["shop", "--address", "-oProxyCommand=x"], "--address -oProxyCommand=x: "),
        (["shop", "--for", "cloud"], "'cloud' is not one of"),
    ],
)
def test_bad_input_is_one_line(folder: Path, words: list[str], said: str) -> None:
    refused = run(folder, "pgdeploy", "init", *words)
    assert refused.returncode == 1
    assert said in refused.stderr
    assert list(folder.iterdir()) == []
