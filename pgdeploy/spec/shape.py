"""What a model allows at a path: the keys that are known there, and whether a secret may stand there.

Errors of pydantic say neither, and a message has to name what is allowed and must not show a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from pgdeploy.spec.place import Keys

# Types and validators from here mark a field as a reference to a secret.
_MARKING_MODULE = "pgdeploy.secret.reference"
# A second belt: nothing below such a key is shown, also where the key is misspelt or unknown.
_SECRET_KEY = re.compile(r"pass|secret|token|credential|private|dsn|conninfo|_command$", re.IGNORECASE)


def known_keys(model: type[BaseModel], keys: Keys) -> frozenset[str]:
    """The keys that the models at the path know (of all members of a union)."""
    models = [found for found in _types_at(model, keys) if is_model(found)]
    return frozenset(name for found in models for name in fields(found))


def why_refused(model: type[BaseModel], keys: Keys) -> str | None:
    """What the whole model, or one at the path, says of a key that it does not know, where many look for it."""
    models = (model, *_types_at(model, keys[:-1]))
    return next((why for one in models if (why := getattr(one, "unmanaged", {}).get(keys[-1]))), None)


def is_named(model: type[BaseModel], keys: Keys) -> bool:
    """Whether the last key is a name that the user chose, and not a field of a model."""
    return bool(keys) and isinstance(keys[-1], str) and not known_keys(model, keys[:-1])


def is_secret(model: type[BaseModel], keys: Keys) -> bool:
    """Whether a secret may stand at the path or above it: by its type, or by the name of a key."""
    if any(isinstance(key, str) and _SECRET_KEY.search(key) for key in keys):
        return True
    paths = (keys[:end] for end in range(1, len(keys) + 1))
    return any(_marks_secret(found) for path in paths for found in _types_at(model, path))


def _types_at(model: type[BaseModel], keys: Keys) -> list[Any]:
    """Every type that may stand at the path, and the metadata of those."""
    found: list[Any] = [model]
    for key in keys:
        found = [part for one in found for kind in _step(one, key) for part in unfold(kind)]
    return found


def _step(kind: Any, key: str | int) -> Iterator[Any]:
    """The types of what stands under a key of this type."""
    if is_model(kind):
        field = fields(kind).get(str(key))
        if field is not None:
            yield field.annotation
            yield from field.metadata
        return
    arguments = get_args(kind)
    if not arguments or not isinstance(get_origin(kind), type):
        return
    yield arguments[-1] if issubclass(get_origin(kind), Mapping) else _item(arguments, key)


def items(kind: Any) -> Iterator[Any]:
    """The types of what a mapping or list of this type holds."""
    arguments, origin = get_args(kind), get_origin(kind)
    if isinstance(origin, type) and arguments:
        yield from (
            arguments[-1:] if issubclass(origin, Mapping) else (a for a in arguments if a is not Ellipsis)
        )


def _item(arguments: tuple[Any, ...], key: str | int) -> Any:
    """The type of a list's item; `tuple[X, ...]` has one for all."""
    if isinstance(key, int) and key < len(arguments) and arguments[-1] is not Ellipsis:
        return arguments[key]
    return arguments[0]


def unfold(kind: Any) -> Iterator[Any]:
    """The members of unions, and what `Annotated` and type aliases wrap, with the metadata."""
    origin = get_origin(kind)
    if origin is Annotated or origin is Union or origin is UnionType:
        for part in get_args(kind):
            yield from unfold(part)
    elif hasattr(kind, "__value__"):
        yield from unfold(kind.__value__)
    else:
        yield kind


def is_model(kind: Any) -> bool:
    """Whether it is a model itself, and no list of such."""
    return isinstance(kind, type) and get_origin(kind) is None and issubclass(kind, BaseModel)


def fields(model: type[BaseModel]) -> dict[str, Any]:
    """The fields by the name that stands in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _marks_secret(kind: Any) -> bool:
    return getattr(getattr(kind, "func", kind), "__module__", None) == _MARKING_MODULE
