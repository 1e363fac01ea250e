"""Specs of several environments as one base and what differs: what stands in all of them is said once.

Where names differ by environment in the same way (`shop_dev`, `shop_staging`), a variable takes the place of that part.
The result is proved: each file, merged with the base, says what it said before.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os.path import commonprefix
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeAlias

from pgdeploy.errors import SpecError
from pgdeploy.lifecycle.annotation import by_path, in_common, noted, paths, without
from pgdeploy.spec.append import KEY as APPEND
from pgdeploy.spec.comment import comments
from pgdeploy.spec.compose import compose
from pgdeploy.spec.extends import KEY as EXTENDS
from pgdeploy.spec.extends import read_tree
from pgdeploy.spec.node import data
from pgdeploy.spec.variables import KEY as VARS
from pgdeploy.spec.variables import MARK
from pgdeploy.spec.writing import write

Tree: TypeAlias = dict[str, Any]
"""A spec as plain data."""

_IN_ORDER = ("hba", "ident")
"""Lists whose order is something said."""

_NAMED = ("roles", "databases", "tablespaces")
"""Sections whose keys are names of the server."""

_VARIABLE = "env"
_BOUND = "(?<![A-Za-z0-9]){}(?![A-Za-z0-9])"


@dataclass(frozen=True, slots=True)
class Split:
    """The text of the base, and of each spec by its name."""

    base: str
    specs: Mapping[str, str]
    lost: int
    """Comments on what all say, that not all have."""


def split(trees: Mapping[str, Tree], base_name: str, texts: Mapping[str, str] | None = None) -> Split:
    """The specs as a base and their differences from it, with the comments of `texts`, those that they were read from.

    Raises:
        SpecError: one of them has text that would be taken for a variable, or has variables of its own.
    """
    for name, tree in trees.items():
        if MARK in json.dumps(tree):
            raise SpecError([f"{name}: it has text with {MARK}, which would be taken for a variable"])
    words = environment_words(list(trees.values()))
    known = list(_variables(words, len(trees)))
    shared = {
        name: _with_variables(tree, variables)
        for (name, tree), variables in zip(trees.items(), known, strict=True)
    }
    base = _common(list(shared.values()), ())
    notes = {name: by_path(comments(text), trees[name], shared[name]) for name, text in (texts or {}).items()}
    of_base = in_common(list(notes.values()), set(paths(base, ())))
    specs, lost = dict[str, str](), 0
    for (name, tree), variables in zip(shared.items(), known, strict=True):
        made = _spec(tree, base, base_name, variables)
        left = without(notes.get(name, {}), of_base)
        lost += len(left.keys() - set(paths(made, ())) - set(paths(made.get(APPEND, {}), ())))
        specs[name] = write(noted(made, left))
    return Split(write(noted(base, of_base)), specs, lost)


def says_the_same(tree: Tree, base: str, text: str) -> bool:
    """Whether a spec, merged with its base, is the tree that it was made of; the order of grants is none."""
    name = str(data(compose(text, "spec").root)[EXTENDS])  # type: ignore[call-overload,index]
    with TemporaryDirectory(prefix="pgdeploy-split-") as folder:
        (Path(folder) / f"{name}.yaml").write_text(base, encoding="utf-8")
        (Path(folder) / "spec.yaml").write_text(text, encoding="utf-8")
        merged = read_tree(Path(folder) / "spec.yaml", Path(folder))
    return not merged.faults and _unordered(data(merged.root), ()) == _unordered(tree, ())


# -- the word of each environment ----------------------------------------------------------------------


def environment_words(trees: Sequence[Tree]) -> tuple[str, ...]:
    """The part in which most names differ between the trees, such as dev, staging, production; else nothing."""
    found: Counter[tuple[str, ...]] = Counter()
    for section in _NAMED:
        names = [list(tree.get(section) or {}) for tree in trees]
        shared = set(names[0]).intersection(*names[1:])
        own = [[name for name in some if name not in shared] for some in names]
        found.update(_differing(own))
    return found.most_common(1)[0][0] if found else ()


def _differing(names: Sequence[Sequence[str]]) -> Iterator[tuple[str, ...]]:
    """Of names that stand in the same place of each tree, the parts between what they begin and end with."""
    if len({len(some) for some in names}) != 1:
        return
    for group in zip(*names, strict=True):
        before = commonprefix(list(group))  # noqa: RUF071 - of names, character by character
        after = commonprefix([name[::-1] for name in group])[::-1]  # noqa: RUF071
        before = before[: max(before.rfind(mark) for mark in "_-.") + 1] if before else ""
        rests = [name.removeprefix(before) for name in group]
        after = after[min((at for mark in "_-." if (at := after.find(mark)) >= 0), default=len(after)) :]
        parts = tuple(rest.removesuffix(after) for rest in rests)
        if all(parts) and len(set(parts)) == len(parts):
            yield parts


def _variables(words: Sequence[str], number: int) -> Iterator[dict[str, str]]:
    for at in range(number):
        yield {_VARIABLE: words[at], _VARIABLE.upper(): words[at].upper()} if words else {}


def _with_variables(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        for name, word in variables.items():
            value = re.sub(_BOUND.format(re.escape(word)), f"{{{{ {name} }}}}", value)
        return value
    if isinstance(value, dict):
        return {
            _with_variables(key, variables): _with_variables(item, variables) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_with_variables(item, variables) for item in value]
    return value


# -- what all have, and what each has beside -----------------------------------------------------------


def _common(values: Sequence[Any], keys: tuple[str, ...]) -> Any:
    """What all of these say; None where they say different things."""
    first, *others = values
    if all(other == first for other in others):
        return first
    if all(isinstance(value, dict) for value in values):
        shared = {
            key: _common([value[key] for value in values], (*keys, key))
            for key in first
            if all(key in other for other in others)
        }
        return {key: value for key, value in shared.items() if value not in (None, {}, [])} or None
    if all(_is_of_lines(value) for value in values):
        if keys[-1] in _IN_ORDER:
            return _prefix(values) or None
        return [line for line in first if all(line in other for other in others)] or None
    return None


def _is_of_lines(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(line, dict) for line in value)


def _prefix(values: Sequence[list[Any]]) -> list[Any]:
    found = []
    for lines in zip(*values, strict=False):
        if any(line != lines[0] for line in lines):
            break
        found.append(lines[0])
    return found


def _spec(tree: Tree, base: Tree | None, base_name: str, variables: Mapping[str, str]) -> Tree:
    own, more = _beside(tree, base or {})
    used = {
        name: word for name, word in variables.items() if f"{{{{ {name} }}}}" in json.dumps([base, own, more])
    }
    made: Tree = {EXTENDS: base_name, **({VARS: used} if used else {}), **own}
    return {**made, **({APPEND: more} if more else {})}


def _beside(tree: Tree, base: Tree) -> tuple[Tree, Tree]:
    """What replaces or adds to the base, and the lines that come behind lists of it."""
    own: Tree = {}
    more: Tree = {}
    for key, value in tree.items():
        if key not in base:
            own[key] = value
        elif isinstance(value, dict) and isinstance(base[key], dict):
            deeper, deeper_more = _beside(value, base[key])
            own |= {key: deeper} if deeper else {}
            more |= {key: deeper_more} if deeper_more else {}
        elif isinstance(value, list) and value != base[key]:
            more[key] = [line for line in value if line not in base[key]]
    return own, more


def _unordered(value: Any, keys: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _unordered(item, (*keys, key)) for key, item in value.items()}
    if isinstance(value, list):
        lines = [_unordered(item, keys) for item in value]
        ordered = not _is_of_lines(value) or (bool(keys) and keys[-1] in _IN_ORDER)
        return lines if ordered else sorted(lines, key=lambda line: json.dumps(line, sort_keys=True))
    return value
