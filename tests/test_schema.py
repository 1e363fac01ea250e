"""The JSON Schema that editors use: current, and of one mind with the loader."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec, spec_model
from pgdeploy.spec.schema import json_schema
from tests.editor import faults

ROOT = Path(__file__).parent.parent
SPECS = ROOT / "specs"


def test_the_committed_schema_is_current() -> None:
    committed = json.loads((SPECS / "spec.schema.json").read_text())
    assert committed == json_schema(spec_model()), "run: pgdeploy schema > specs/spec.schema.json"


def test_every_spec_names_the_schema_for_editors() -> None:
    files = sorted(SPECS.glob("*.yaml"))
    assert files
    for file in files:
        assert file.read_text().startswith("# yaml-language-server: $schema=spec.schema.json\n"), file.name


def test_every_field_is_described() -> None:
    definitions = {"Spec": json_schema(spec_model()), **json_schema(spec_model())["$defs"]}
    bare = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, body in _properties(definition)
        if not body.get("description")
    ]
    assert bare == []


def _properties(definition: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from definition.get("properties", {}).items()
    for form in definition.get("anyOf", ()):
        yield from _properties(form)


def whole() -> dict[str, str]:
    """Every spec that comes with the project, and every whole one in its documents."""
    found = {file.name: file.read_text() for file in SPECS.glob("*.yaml")}
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        blocks = re.findall(r"^```yaml\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)
        found |= {
            f"{document.name} {number}": block
            for number, block in enumerate(blocks)
            if re.search("^postgres:", block, re.MULTILINE) and "{{" not in block
        }
    return found


@pytest.mark.parametrize("name", sorted(whole()))
def test_editors_accept_every_spec_that_the_project_shows(name: str) -> None:
    assert faults(whole()[name]) == []


SHORT = """\
postgres: 16
description:
roles:
  app: {login: true}
databases:
  shop:
    owner: app
    grants:
      - {grant: [CONNECT], on: database, to: [app]}
      - {grant: [CREATE], on: {database: true}, to: [app]}
    default_privileges:
      - {for: app, grant: [SELECT], on: tables, to: [app]}
hba:
  - {type: local, database: all, user: [app, +staff], method: peer}
"""
BASE = "postgres: 16\nroles:\n  app: {login: true, connection_limit: 3}\n  gone: {}\n"
TOP = "extends: base\nroles:\n  app: {connection_limit: null}\n  gone: null\n"


def test_editors_accept_every_short_form() -> None:
    assert faults(SHORT) == []


def test_editors_accept_what_takes_away(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text(BASE)
    (tmp_path / "top.yaml").write_text(TOP)
    loaded = load_spec(tmp_path / "top.yaml")
    assert list(loaded.value.roles) == ["app"]
    assert loaded.value.roles["app"].connection_limit != 3
    assert faults(TOP) == []


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("postgres: 16", "postgres: sixteen"),
        ("roles:", "rolls:"),
        ("login: true", "login: 'yes'"),
        ("login: true", "log_in: true"),
        ("on: database", "on: databases"),
        ("on: tables", "on: views"),
        ("for: app", "for: []"),
        ("database: all", "database: 7"),
        ("method: peer", "method: ask"),
    ],
)
def test_editors_refuse_what_the_loader_refuses(right: str, wrong: str, tmp_path: Path) -> None:
    assert SHORT.count(right) == 1
    text = SHORT.replace(right, wrong)
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(SpecError):
        load_spec(tmp_path / "wrong.yaml")
    assert faults(text) != []
