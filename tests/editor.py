"""What an editor would underline in a spec: the committed JSON Schema, asked by another's implementation of it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

from pgdeploy.spec.compose import compose
from pgdeploy.spec.node import data

SCHEMA = Path(__file__).parent.parent / "specs/spec.schema.json"


@cache
def _validator() -> Draft202012Validator:
    schema = json.loads(SCHEMA.read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def faults(text: str) -> list[str]:
    """Where the schema refuses the text of a spec file, without what it extends, and why."""
    plain = json.loads(json.dumps(data(compose(text, "edited.yaml").root)))
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(plain)]
