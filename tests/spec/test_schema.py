from __future__ import annotations

import json
from typing import Any

from pgdeploy.spec.model import Identifier, Model
from pgdeploy.spec.schema import json_schema
from tests.spec.example import Example


def test_the_schema_of_a_spec() -> None:
    schema = json_schema(Example)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["additionalProperties"] is False
    assert schema["description"] == "An example of a spec."
    assert list(schema["properties"]) == ["extends", "vars", "append", "roles", "grants", "window", "notes"]
    role = schema["$defs"]["Role"]
    assert role["additionalProperties"] is False
    assert role["properties"]["login"]["description"] == "Whether the role may log in."
    assert [form["type"] for form in role["properties"]["settings"]["anyOf"]] == ["object", "null"]
    assert role["properties"]["member_of"]["anyOf"][0]["items"] == {
        "type": "string",
        "minLength": 1,
        "maxLength": 63,
    }
    until: Any = role["properties"]["valid_until"]["anyOf"][0]
    assert until == {"type": "string", "format": "date"}


def test_the_schema_is_the_same_each_time() -> None:
    assert json.dumps(json_schema(Example)) == json.dumps(json_schema(Example))
    assert "extends" not in json.dumps(Example.model_json_schema())


class Tree(Model):
    """Contains itself."""

    name: Identifier
    below: tuple[Tree, ...] = ()


def test_what_a_base_may_have_is_not_required() -> None:
    root = json_schema(Tree)["$defs"]["Tree"]
    assert "required" not in root
    assert root["then"] == {"required": ["name"]}
