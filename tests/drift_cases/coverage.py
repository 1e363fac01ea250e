"""What there is to prove: every field of every model that a spec is made of, and every check that it can give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from pgdeploy.layers.server.object import KEYWORD
from pgdeploy.spec.model import Model

Path = tuple[str | int, ...]

_FIELD = re.compile(r"\]\.(\w+)(\[[^\]]*\])?(\.in)?")
_SPECIAL = re.compile(r"\[(others|superusers|files|rules|server|other databases)\]")
_KINDS = "|".join(sorted((kind.replace("_", " ") for kind in KEYWORD), key=len, reverse=True))
_ON = re.compile(rf" on (all )?({_KINDS})s?\b")
_COLUMNS = re.compile(r" on table [^()]+ \([^()]+\) to ")


def family(check_id: str) -> tuple[str, str, str]:
    """What a check id has in common with others: kind, what it is about, and field. Names must be ordinary."""
    field = _FIELD.search(check_id)
    assert field, check_id
    kind = check_id.partition("[")[0]
    special, on = _SPECIAL.search(check_id), _ON.search(check_id)
    about = special[1] if special else ""
    if kind in ("grant", "ownership") and on:
        about = "column" if _COLUMNS.search(check_id) else f"{on[1] or ''}{on[2]}"
    return kind, about, field[1] + ("[]" if field[2] else "") + (field[3] or "")


def models(annotation: Any) -> Iterator[type[Model]]:
    """The models inside a field's type: in lists, mappings and choices."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in get_args(annotation):
        yield from models(argument)


def fields(model: type[Model]) -> Iterator[str]:
    """`Model.field` of everything below this model."""
    for name, field in model.model_fields.items():
        yield f"{model.__name__}.{name}"
        for inner in models(field.annotation):
            yield from fields(inner)


def written(value: Any, path: Path = ()) -> Iterator[tuple[str, Path]]:
    """`Model.field` and its place, of everything that is written in a spec."""
    if isinstance(value, Model):
        for name in value.model_fields_set:
            field = type(value).model_fields[name]
            here = (*path, field.alias or name)
            yield f"{type(value).__name__}.{name}", here
            yield from written(getattr(value, name), here)
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from written(inner, (*path, key))
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, inner in enumerate(value):
            yield from written(inner, (*path, index))


def without(data: Any, path: Path) -> Any:
    """A copy of plain data without what stands at this place."""
    first, rest = path[0], path[1:]
    if isinstance(data, dict):
        kept = {key: value for key, value in data.items() if key != first or rest}
        return {**kept, first: without(data[first], rest)} if rest else kept
    position = int(first)
    if rest:
        return [without(value, rest) if index == position else value for index, value in enumerate(data)]
    return [value for index, value in enumerate(data) if index != position]
