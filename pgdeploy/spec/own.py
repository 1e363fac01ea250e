"""What one file has to say itself, so that it and all that it extends together say something else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from pgdeploy.spec.append import KEY as APPEND
from pgdeploy.spec.compose import compose
from pgdeploy.spec.edit import as_text, edited
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
    roots = [compose(one, "").root for one in (text, *bases)]
    own = _Spelled(data(roots[0]), data(_variables(roots).filled(roots[0])))
    says, more = _mapping(own, own.entries().get(APPEND, _NOTHING), before, after)
    says.pop(APPEND, None)
    return edited(text, {**says, **({APPEND: more} if more else {})})  # type: ignore[dict-item]


def _variables(roots: Sequence[Node]) -> Variables:
    """Those of all files; the nearest one counts."""
    known: dict[str, Node] = {}
    for root in roots:
        if isinstance(root.content, Mapping) and VARS in root.content:
            known = {**Variables.of(root).known, **known}
    return Variables(known)


class _Spelled(NamedTuple):
    """A part of the file as it is written, and the same with its variables filled in, in the same order."""

    raw: Any
    filled: Any

    word: str = ""
    """The key of the part as it is written."""

    def entries(self) -> Mapping[str, _Spelled]:
        """The parts of a mapping by their keys, with variables filled in."""
        if not isinstance(self.filled, dict):
            return {}
        return {
            key: _Spelled(self.raw[word], self.filled[key], word)
            for key, word in zip(self.filled, self.raw, strict=True)
        }


_NOTHING = _Spelled(None, None)


def _mapping(
    own: _Spelled, more: _Spelled, inherited: Mapping[str, Any], after: Tree
) -> tuple[dict[str, Written], dict[str, Written]]:
    """What the file says here, and what it appends."""
    gone = {key for key in inherited if key not in after}
    ours, theirs = own.entries(), more.entries()
    says, appends = (
        {part.word: part.raw for key, part in parts.items() if key not in gone} for parts in (ours, theirs)
    )
    for key, value in after.items():
        if isinstance(key, Remark) or (key in inherited and inherited[key] == plain(value)):
            continue
        mine, behind = (parts.get(key, _NOTHING._replace(word=key)) for parts in (ours, theirs))
        said, appended = _value(mine, behind, inherited.get(key), value)
        _put(says, mine.word, said)
        _put(appends, behind.word, appended)
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
    both = _Spelled([*(own.raw or ()), *(more.raw or ())], [*(own.filled or ()), *(more.filled or ())])
    return _items(both, after), None


def _items(part: _Spelled, after: Sequence[Written]) -> list[Written]:
    """The items with their variables, where they still say the same."""
    left: dict[str, list[Any]] = defaultdict(list)
    for raw, filled in zip(part.raw or (), part.filled or (), strict=True):
        left[as_text(filled)].append(raw)
    known = [left[as_text(plain(item))] for item in after]
    return [same.pop(0) if same else item for same, item in zip(known, after, strict=True)]
