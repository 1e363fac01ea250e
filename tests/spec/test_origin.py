"""A rendered spec is the same spec, and each of its lines says where it comes from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from pgdeploy.spec.compose import compose
from pgdeploy.spec.extends import read_tree
from pgdeploy.spec.node import data
from pgdeploy.spec.origin import with_origins
from pgdeploy.spec.render import render
from pgdeploy.spec.writing import write
from tests.program import pgdeploy as pgdeploy_program
from tests.spec.example import Example
from tests.spec.strategy import EXAMPLES

SPECS = sorted((Path(__file__).parent.parent.parent / "specs").glob("*.yaml"))


@pytest.mark.parametrize("file", SPECS, ids=lambda file: file.name)
def test_a_spec_loads_back_to_the_same(file: Path) -> None:
    root = read_tree(file, file.parent).root
    text = write(with_origins(root))
    assert data(compose(text, "again").root) == data(root)
    said = [line for line in text.splitlines() if line.strip() and not line.endswith(":")]
    assert sum(f"# {file}:" in line for line in said) > len(said) / 2


@given(EXAMPLES)
def test_any_spec_loads_back_to_the_same(value: Example) -> None:
    root = compose(render(value), "any").root
    assert data(compose(write(with_origins(root)), "again").root) == data(root)


def test_each_line_says_its_file(tmp_path: Path) -> None:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/_base.yaml").write_text(
        "postgres: 16\nhba: []\nroles:\n  postgres: {superuser: true}\n  '{{ app }}':\n    login: true\n"
    )
    (tmp_path / "specs/dev.yaml").write_text(
        "extends: _base\nvars: {app: dev}\nroles:\n  dev: {createdb: true}\n"
    )
    done = pgdeploy_program("render", "dev", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        done.stdout
        == """\
postgres: 16  # specs/_base.yaml:1
hba: []  # specs/_base.yaml:2

roles:
  postgres: {superuser: true}  # specs/_base.yaml:4
  dev:
    login: true  # specs/_base.yaml:6
    createdb: true  # specs/dev.yaml:4
"""
    )
