"""The order of advice: that of the spec's own sections and entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from pgdeploy.spec.place import Keys


def position(spec: BaseModel, keys: Keys) -> tuple[int, ...]:
    """Numbers that sort as the keys stand in the spec; what is not written comes first in its section."""
    return tuple(_walk(spec, keys))


def _walk(value: Any, keys: Keys) -> Iterator[int]:
    for key in keys:
        if isinstance(value, BaseModel):
            index, value = _in_model(value, str(key))
        elif isinstance(value, Mapping):
            index, value = list(value).index(key) if key in value else -1, value.get(key)
        elif isinstance(value, Sequence) and isinstance(key, int):
            index, value = key, value[key]
        else:
            return
        yield index


def _in_model(value: BaseModel, key: str) -> tuple[int, Any]:
    for index, (field, info) in enumerate(type(value).model_fields.items()):
        if key in (field, info.alias):
            return index, getattr(value, field)
    return -1, None
