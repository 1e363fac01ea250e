"""The JSON Schema of a spec file, so that editors complete and check while one types.

Descriptions come from docstrings: of a class, and the string below a field.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from itertools import pairwise
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from pgdeploy.spec import append, variables
from pgdeploy.spec.extends import KEY

DIALECT = "https://json-schema.org/draft/2020-12/schema"

_FILE = {"type": "string", "minLength": 1}
_EXTENDS: JsonSchemaValue = {
    "title": "Extends",
    "description": "A file beside this one that this one changes (.yaml may be left out), or a list of them.",
    "anyOf": [_FILE, {"type": "array", "items": _FILE}],
}
_VALUE: JsonSchemaValue = {"type": ["string", "number", "boolean"]}
_VARIABLES: JsonSchemaValue = {
    "title": "Vars",
    "description": "Variables by name; {{ name }} in values and keys, here and in the files that this one extends, is "
    "their value.",
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
    "additionalProperties": {"anyOf": [_VALUE, {"type": "array", "items": _VALUE}]},
}
_APPEND: JsonSchemaValue = {
    "title": "Append",
    "description": "Lists, as deep as they stand in a spec: their lines come behind those of the files that this one "
    "extends.",
    "type": "object",
}


def json_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The schema (draft 2020-12) of files that hold this model; the same model gives the same schema."""
    schema = model.model_json_schema(schema_generator=_Generator)
    root = _root(schema)
    root["properties"] = {
        KEY: _EXTENDS,
        variables.KEY: _VARIABLES,
        append.KEY: _APPEND,
        **root.get("properties", {}),
    }
    _excuse_extending(root)
    _let_null_take_away(schema)
    return {"$schema": DIALECT, **schema}


def _root(schema: dict[str, Any]) -> dict[str, Any]:
    """The definition of the model itself: elsewhere if the model contains itself."""
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: dict[str, Any] = schema["$defs"][reference.rpartition("/")[2]]
    return found


def _excuse_extending(root: dict[str, Any]) -> None:
    """A file that extends another may leave out what the other has."""
    required = root.pop("required", None)
    if required:
        root["if"] = {"not": {"required": [KEY]}}
        root["then"] = {"required": required}


def _let_null_take_away(part: Any) -> None:
    """In a file that extends another, null takes away what has that key there: at any depth, so any key may be null.

    A reference to a secret is one word, so nothing can be taken away from it.
    """
    if isinstance(part, list):
        for item in part:
            _let_null_take_away(item)
    if not isinstance(part, dict):
        return
    for inner in part.values():
        _let_null_take_away(inner)
    properties = part.get("properties")
    if isinstance(properties, dict) and "maxProperties" not in part:
        part["properties"] = {key: _or_null(body) for key, body in properties.items()}
    if isinstance(part.get("additionalProperties"), dict):
        part["additionalProperties"] = _or_null(part["additionalProperties"])


def _or_null(body: dict[str, Any]) -> dict[str, Any]:
    null = {"type": "null"}
    if "anyOf" in body:
        forms = body["anyOf"]
        return body if null in forms else {**body, "anyOf": [*forms, null]}
    about: dict[str, Any] = {key: body[key] for key in ("title", "description", "default") if key in body}
    return {"anyOf": [{key: body[key] for key in body if key not in about}, null], **about}


class _Generator(GenerateJsonSchema):
    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of one model, with what stands below its fields."""
        written = super().model_schema(schema)
        cls: type[BaseModel] = schema["cls"]
        properties = written.get("properties", {})
        for name, text in _field_docstrings(cls).items():
            field = cls.model_fields.get(name)
            key = (field.alias if field is not None else None) or name
            if key in properties:
                properties[key].setdefault("description", text)
        return written


def _field_docstrings(cls: type[BaseModel]) -> dict[str, str]:
    """The docstrings of the fields of a model and of its bases.

    Read here and not with pydantic's `use_attribute_docstrings`, which would parse the source of every
    model whenever pgdeploy starts.
    """
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, BaseModel) and base is not BaseModel:
            found.update(_own_docstrings(base))
    return found


def _own_docstrings(cls: type[BaseModel]) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    except (OSError, TypeError, SyntaxError):
        return {}  # a class without source has no docstrings to show
    body = tree.body[0].body if tree.body and isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, text in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            doc = _string(text)
            if doc is not None:
                found[field.target.id] = inspect.cleandoc(doc)
    return found


def _string(statement: ast.stmt) -> str | None:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return None
    value = statement.value.value
    return value if isinstance(value, str) else None
