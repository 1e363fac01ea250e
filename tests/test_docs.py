"""The documents are true: links lead somewhere, specs load, and the README's commands do what it says."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pgdeploy.gate.target import load_target
from tests.program import pgdeploy as pgdeploy_program

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")])
NAMES = [str(document.relative_to(ROOT)) for document in DOCUMENTS]


def blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    broken = [link for link in links if not (document.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_whole_specs_in_documents_load(document: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(document, "yaml")):
        if (
            re.search("^postgres:", block, re.MULTILINE) and "{{" not in block
        ):  # a base has no variables of its own
            file = tmp_path / f"block_{number}.yaml"
            file.write_text(block)
            assert load_target(file).checks


def test_what_environments_share_is_said_once(tmp_path: Path) -> None:
    base, staging = (
        next(block for block in blocks(ROOT / "docs/spec.md", "yaml") if block.startswith(f"# {name}"))
        for name in ("_base.yaml", "staging.yaml")
    )
    (tmp_path / "_base.yaml").write_text(f"postgres: 16\n{base}")
    (tmp_path / "staging.yaml").write_text(staging)
    spec = load_target(tmp_path / "staging.yaml", tmp_path).spec
    assert spec.roles["shop_staging"].connection_limit == 5
    assert [line.words for line in spec.databases["shop_staging"].grants] == [("CONNECT",), ("CONNECT",)]


def test_the_readme_has_a_whole_spec() -> None:
    assert any("postgres: 16" in block for block in blocks(ROOT / "README.md", "yaml"))


def test_the_spec_of_the_readme_has_no_advice_and_can_be_tried(folder: Path) -> None:
    """Who begins by copying it begins with a good one."""
    (folder / "specs").mkdir()
    [text] = [block for block in blocks(ROOT / "README.md", "yaml") if "postgres: 16" in block]
    (folder / "specs" / "shop.yaml").write_text(text)
    for words, said in (["lint"], "no advice\n"), (["check", "--on", "embedded"], " 0 drift"):
        done = pgdeploy_program(words[0], "shop", *words[1:], cwd=folder, env=_environment())
        assert done.returncode == 0, done.stdout + done.stderr
        assert said in done.stdout


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="pgdeploy-readme-") as home:
        Path(home).chmod(0o755)  # the embedded server runs as another user when we are root
        yield Path(home)


def test_the_commands_of_the_readme_work_in_their_order(folder: Path) -> None:
    """Each command of `Try it by hand` ends as the table of exit codes says."""
    by_hand = next(block for block in blocks(ROOT / "README.md", "sh") if "pgdeploy lint" in block)
    ends = {}
    for line in by_hand.splitlines():
        words = shlex.split(line.replace("/tmp/pg01", f"{folder}/pg01"), comments=True)
        if words and words[0] in ("pgdeploy", "pytest"):
            done = subprocess.run(
                [sys.executable, "-m", *words],
                check=False,
                capture_output=True,
                text=True,
                cwd=ROOT,
                env=_environment(),
            )
            ends[" ".join(words[:2])] = (done.returncode, done.stdout[-2000:] + done.stderr[-2000:])
    codes = {command: code for command, (code, _) in ends.items()}
    assert codes == {
        "pgdeploy lint": 2,
        "pgdeploy plan": 2,
        "pgdeploy apply": 0,
        "pgdeploy check": 0,
        "pytest --target=prod-pg01": 0,
    }, ends


def _environment() -> dict[str, str]:
    """Ours without what this pytest says to its own children."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PG01_"))}
