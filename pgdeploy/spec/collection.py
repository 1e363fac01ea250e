"""Lets the tuples and sets of a strict model be read from lists, the only collection that YAML has."""

from __future__ import annotations

from typing import Any

_COLLECTIONS = frozenset({"tuple", "set", "frozenset"})


def take_lists(schema: Any, owner: type) -> None:
    """Loosen the collections in the schema of a model; other models in it have seen to themselves."""
    if isinstance(schema, list):
        for part in schema:
            take_lists(part, owner)
    elif isinstance(schema, dict) and schema.get("cls", owner) is owner:
        kind = schema.get("type")  # in a mapping of fields this may be a field of that name
        if isinstance(kind, str) and kind in _COLLECTIONS:
            schema.setdefault("strict", False)
        for key, part in schema.items():
            if key not in ("metadata", "serialization"):
                take_lists(part, owner)
