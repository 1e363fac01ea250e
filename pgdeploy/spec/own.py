"""What one file has to say itself, so that it and all that it extends together say something else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pgdeploy.spec.append import KEY as APPEND
from pgdeploy.spec.compose import compose
from pgdeploy.spec.edit import edited
from pgdeploy.spec.node import data
from pgdeploy.spec.variables import KEY as VARS
from pgdeploy.spec.variables import Variables
from pgdeploy.spec.writing import Noted, Remark, Written, plain

if TYPE_CHECKING:
    from pgdeploy.spec.node import Node

Tree: TypeAlias = Mapping[str | Remark, Written]


def rewritten(text: str, bases: Sequence[str], before: Mapping[str, Any], after: Tree) -> str:
    """The text of a file, where it and its bases together say `after` in place of `before`.

    What a base says cannot be taken away by the file that extends it, and stays.

    Raises:
        SpecError: the text cannot be edited in place.
    """
    root = compose(text, "").root
    own = _Spelled(data(root), data(_variables([text, *bases]).filled(root)))
    says, more = _mapping(own, own.under(APPEND), before, after)
    says.pop(APPEND, None)
    return edited(text, {**says, **({APPEND: more} if more else {})})  # type: ignore[dict-item]


def _variables(texts: Sequence[str]) -> Variables:
    """Those of all files; the nearest one counts."""
    known: dict[str, Node] = {}
    for text in texts:
        root = compose(text, "").root
        if isinstance(root.content, Mapping) and VARS in root.content:
            known = {**Variables.of(root).known, **known}
    return Variables(known)


class _Spelled(NamedTuple):
    """A part of the file as it is written, and the same with its variables filled in, in the same order."""

    raw: Any
    filled: Any

    def under(self, key: str) -> _Spelled:
        """The part below a key; nothing where there is none."""
        if not isinstance(self.filled, dict) or key not in self.filled:
            return _Spelled(None, None)
        return _Spelled(self.raw[self.word(key)], self.filled[key])

    def word(self, key: str) -> str:
        """A key as it is written."""
        keys = dict(zip(self.filled, self.raw, strict=True)) if isinstance(self.filled, dict) else {}
        return str(keys.get(key, key))


def _mapping(
    own: _Spelled, more: _Spelled, inherited: Mapping[str, Any], after: Tree
) -> tuple[dict[str, Written], dict[str, Written]]:
    """What the file says here, and what it appends."""
    gone = {key for key in inherited if key not in after}
    says, appends = (
        {part.word(key): part.under(key).raw for key in part.filled or {} if key not in gone}
        for part in (own, more)
    )
    for key, value in after.items():
        if isinstance(key, Remark) or (key in inherited and inherited[key] == plain(value)):
            continue
        here, behind = _value(own.under(key), more.under(key), inherited.get(key), value)
        _put(says, own.word(key), here)
        _put(appends, more.word(key), behind)
    return says, appends


def _put(into: dict[str, Written], word: str, value: Written) -> None:
    if value is None:
        into.pop(word, None)
    else:
        into[word] = value


def _value(own: _Spelled, more: _Spelled, inherited: Any, after: Written) -> tuple[Written, Written]:
    """The same of one value; None for nothing."""
    inner = after.value if isinstance(after, Noted) else after
    if isinstance(inner, Mapping) and isinstance(inherited, dict):
        says, appends = _mapping(own, more, inherited, inner)
        return (says if says or own.raw is not None else None), appends or None
    if isinstance(inner, list) and isinstance(inherited, list):
        return _list(own, more, inherited, inner)
    return after, None


def _list(
    own: _Spelled, more: _Spelled, inherited: Sequence[Any], after: Sequence[Written]
) -> tuple[Written, Written]:
    """Lines of a base stay there, with the rest behind them; where one of them is wrong, the list is the file's own."""
    base = inherited[: len(inherited) - len(more.filled or ())]
    if own.raw is None and plain(after[: len(base)]) == base:
        return None, _items(more, after[len(base) :]) or None
    both = _Spelled(*([*(one or ()), *(other or ())] for one, other in zip(own, more, strict=True)))
    return _items(both, after), None


def _items(part: _Spelled, after: Sequence[Written]) -> list[Written]:
    """The items with their variables, where they still say the same."""
    left = list(zip(part.filled or (), part.raw or (), strict=True))
    made: list[Written] = []
    for item in after:
        at = next((at for at, (value, _) in enumerate(left) if value == plain(item)), None)
        made.append(item if at is None else left.pop(at)[1])
    return made
