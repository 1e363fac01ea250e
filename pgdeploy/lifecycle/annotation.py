"""Comments that move with what they belong to, when the data that they stand beside is put together anew."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from pgdeploy.spec.append import KEY as APPEND
from pgdeploy.spec.comment import Comments
from pgdeploy.spec.place import Keys
from pgdeploy.spec.writing import Noted, Remark, Written

Path: TypeAlias = tuple[str, ...]
"""Keys of mappings; an item of a list by what it says, as it may come to stand elsewhere."""
Notes: TypeAlias = Mapping[Path, Comments]


def by_path(found: Mapping[Keys, Comments], tree: Any, renamed: Any) -> Notes:
    """The comments of a tree by the paths of another, of the same shape, with other names."""
    known = ((_path(keys, tree, renamed), comments) for keys, comments in found.items())
    return {path: comments for path, comments in known if path}


def _path(keys: Keys, tree: Any, renamed: Any) -> Path:
    """Nothing for what is not in the tree, such as `<<`."""
    path: list[str] = []
    for key in keys:
        if isinstance(tree, dict) and key in tree:
            name = list(renamed)[list(tree).index(str(key))]
            tree, renamed = tree[key], renamed[name]
            path.append(name)
        elif isinstance(tree, list) and isinstance(key, int) and key < len(tree):
            tree, renamed = tree[key], renamed[key]
            path.append(json.dumps(renamed))
        else:
            return ()
    return tuple(path)


def paths(tree: Any, above: Path) -> Iterator[Path]:
    """Of all entries and items of a tree."""
    for name, value in _children(tree):
        yield (*above, name)
        yield from paths(value, (*above, name))


def _children(tree: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(tree, dict):
        yield from tree.items()
    elif isinstance(tree, list):
        yield from ((json.dumps(item), item) for item in tree)


def in_common(notes: Sequence[Notes], known: set[Path]) -> Notes:
    """What all of them say of these paths."""
    first, *others = notes or [{}]
    return {
        path: comments
        for path, comments in first.items()
        if path in known and all(other.get(path) == comments for other in others)
    }


def without(notes: Notes, others: Notes) -> Notes:
    """Those that are not said elsewhere already."""
    return {path: comments for path, comments in notes.items() if others.get(path) != comments}


def noted(tree: Mapping[str, Any], notes: Notes) -> Mapping[str | Remark, Written]:
    """The tree of a file with its comments, to be written; what it appends belongs to the whole of it."""
    made = _mapping(tree, (), notes)
    return made | {APPEND: _noted(tree[APPEND], (), notes)} if APPEND in tree else made


def _noted(value: Any, path: Path, notes: Notes) -> Written:
    written: Written = value
    if isinstance(value, dict):
        written = _mapping(value, path, notes)
    elif isinstance(value, list):
        written = list(_items(value, path, notes))
    comments = notes.get(path)
    return Noted(written, comments.behind) if comments is not None and comments.behind else written


def _mapping(value: Mapping[str, Any], path: Path, notes: Notes) -> dict[str | Remark, Written]:
    made: dict[str | Remark, Written] = {}
    for name, item in value.items():
        made |= dict.fromkeys(_above((*path, name), notes))
        made[name] = _noted(item, (*path, name), notes)
    return made


def _items(value: Sequence[Any], path: Path, notes: Notes) -> Iterator[Written]:
    for item in value:
        where = (*path, json.dumps(item))
        yield from _above(where, notes)
        yield _noted(item, where, notes)


def _above(path: Path, notes: Notes) -> Iterator[Remark]:
    return map(Remark, notes[path].above if path in notes else ())
