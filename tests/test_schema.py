"""The JSON Schema that editors use: current, and of one mind with the loader."""

from __future__ import annotations

import json
from pathlib import Path

from pgdeploy.resources.spec import Spec
from pgdeploy.spec.schema import json_schema

SPECS = Path(__file__).parent.parent / "specs"


def test_the_committed_schema_is_current() -> None:
    committed = json.loads((SPECS / "spec.schema.json").read_text())
    assert committed == json_schema(Spec), "run: pgdeploy schema > specs/spec.schema.json"


def test_every_spec_names_the_schema_for_editors() -> None:
    files = sorted(SPECS.glob("*.yaml"))
    assert files
    for file in files:
        assert file.read_text().startswith("# yaml-language-server: $schema=spec.schema.json\n"), file.name


def test_every_field_is_described() -> None:
    definitions = {"Spec": json_schema(Spec), **json_schema(Spec)["$defs"]}
    bare = [
        f"{name}.{field}"
        for name, definition in definitions.items()
        for field, body in definition.get("properties", {}).items()
        if not body.get("description")
    ]
    assert bare == []
