"""Files of this machine that a spec names: each is looked for beside the spec file that says it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from pgdeploy.local.path import Local
from pgdeploy.spec.node import Data, Node, value_place
from pgdeploy.spec.place import Keys
from pgdeploy.spec.shape import fields, is_model, items, unfold

_Pattern = tuple[str | None, ...]
"""Keys on the way to a path; None stands for every key or index."""


def located(plain: Data, root: Node, model: type[BaseModel]) -> Data:
    """The data of a document with each relative path put behind the folder of its file."""
    for pattern, mark in _marks(model):
        for keys, holder in _places(plain, pattern, ()):
            written = holder[keys[-1]]
            if isinstance(written, str) and written and not mark.unless(written):
                holder[keys[-1]] = _from(Path(value_place(root, keys).file).parent, written)
    return plain


def _from(folder: Path, written: str) -> str:
    return written if written.startswith("~") else str(folder / written)


def _places(data: Any, pattern: _Pattern, above: Keys) -> Iterator[tuple[Keys, Any]]:
    """Where the pattern leads: the keys, and the mapping or list whose value is there."""
    key, rest = pattern[0], pattern[1:]
    if key is not None:
        known: Any = [key] if isinstance(data, dict) and key in data else []
    elif isinstance(data, dict):
        known = list(data)
    else:
        known = range(len(data)) if isinstance(data, list) else ()
    for one in known:
        if rest:
            yield from _places(data[one], rest, (*above, one))
        else:
            yield (*above, one), data


@cache
def _marks(model: type[BaseModel]) -> tuple[tuple[_Pattern, Local], ...]:
    return tuple(dict.fromkeys(_marked(model, (), ())))


def _marked(kind: Any, above: _Pattern, around: tuple[Any, ...]) -> Iterator[tuple[_Pattern, Local]]:
    if isinstance(kind, Local):
        yield above, kind
    elif kind not in around:  # a model may contain itself
        for key, inner in _below(kind):
            for one in unfold(inner):
                yield from _marked(one, (*above, key), (*around, kind))


def _below(kind: Any) -> Iterator[tuple[str | None, Any]]:
    """The types of what stands in a model, by key, or in a mapping or list."""
    if not is_model(kind):
        yield from ((None, item) for item in items(kind))
        return
    for name, field in fields(kind).items():
        yield from ((name, part) for part in (field.annotation, *field.metadata))
