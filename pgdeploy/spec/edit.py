"""Changes what a YAML file says and keeps how it says the rest: lines, order, comments and anchors.

The unit of change is an entry of a mapping, or an item of a list, that begins on a line of its own. What did not change
keeps its lines byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.errors import SpecError
from pgdeploy.spec.compose import compose
from pgdeploy.spec.node import Data, data
from pgdeploy.spec.source import FaultError
from pgdeploy.spec.writing import Noted, Remark, Written, entry_lines, item_lines, plain, write

if TYPE_CHECKING:
    from ruamel.yaml.nodes import MappingNode, SequenceNode


class _Edit(NamedTuple):
    """Lines from `start` up to `stop`, counted from 0, and what stands there instead."""

    start: int
    stop: int
    lines: Sequence[str]


def edited(text: str, content: Mapping[str | Remark, Written]) -> str:
    """The text of a file that says `content`, as near as possible to the text given.

    Raises:
        SpecError: it cannot be written in place.
    """
    if not text.strip():
        return write(content)
    aim = plain(content)
    # an alias that stands for something that changed is written out, where the quicker way would change both
    for aliases_stay in (True, False):
        made = _Editor(text, aliases_stay=aliases_stay).edited(content)
        with suppress(FaultError):
            if data(compose(made, "").root) == aim:
                return made
    raise SpecError(["the change cannot be made without rewriting the whole file; edit it by hand"])


@dataclass
class _Editor:
    text: str
    aliases_stay: bool
    edits: list[_Edit] = field(default_factory=list)
    lines: list[str] = field(init=False)

    def __post_init__(self) -> None:
        self.lines = [f"{line}\n" for line in self.text.removesuffix("\n").split("\n")]

    def edited(self, content: Mapping[str | Remark, Written]) -> str:
        from ruamel.yaml import YAML
        from ruamel.yaml.nodes import MappingNode

        root = YAML(typ="rt", pure=True).compose(self.text)
        old = data(compose(self.text, "").root)
        if not isinstance(root, MappingNode) or root.flow_style or not isinstance(old, dict):
            return write(content)
        self._mapping(root, old, content)
        return self._applied()

    def _applied(self) -> str:
        newline = "\r\n" if self.lines[0].endswith("\r\n") else "\n"
        lines, made, at = self.lines, list[str](), 0
        for start, stop, new in sorted(self.edits, key=lambda edit: edit[:2]):
            made += lines[at:start]
            if not new and made and not made[-1].strip() and (stop == len(lines) or not lines[stop].strip()):
                made.pop()  # what stood between two blank lines leaves one
            made += [line + newline for line in new]
            at = stop
        return "".join(made + lines[at:])

    # -- mappings ----------------------------------------------------------------------------------

    def _mapping(
        self, node: MappingNode, old: Mapping[str, Data], new: Mapping[str | Remark, Written]
    ) -> None:
        column, last, own = node.value[0][0].start_mark.column, 0, set[str]()
        indent, top = " " * column, column == 0
        for key_node, value in node.value:
            key, start, last = key_node.value, key_node.start_mark.line, self._end(key_node, value)
            own.add(key)
            if key not in old:
                continue  # `<<`: its entries are seen as ours
            if key not in new:
                self.edits.append(_Edit(start, last, ()))
            elif self._differs(key_node, value, old[key], new[key]) and not self._within(
                key_node, value, old[key], new[key]
            ):
                word = self.text[key_node.start_mark.index : key_node.end_mark.index]
                lines = list(entry_lines(key, new[key], indent, top=top, word=word))
                lines = self._with_comment(lines, start, last, value)
                self.edits.append(_Edit(start, last, lines))
        added = [key for key in new if key not in own and old.get(str(key), ...) != plain(new[key])]
        for key in added:
            lines = list(entry_lines(key, new[key], indent, top=top))
            self.edits.append(_Edit(last, last, ["", *lines] if top and len(lines) > 1 else lines))

    def _differs(self, key: object, value: object, old: Data, new: Written) -> bool:
        return old != plain(new) or (not self.aliases_stay and _is_alias(key, value))

    def _within(self, key: object, node: object, old: Data, new: Written) -> bool:
        """Whether the change could be made inside of this value."""
        new = new.value if isinstance(new, Noted) else new
        if getattr(node, "flow_style", True) or _is_alias(key, node) or not new:
            return False
        if isinstance(old, dict) and isinstance(new, Mapping):
            kept = old.keys() & {str(word) for word in new}
            if kept:
                self._mapping(node, old, new)  # type: ignore[arg-type]
            return bool(kept)
        if isinstance(old, list) and isinstance(new, (list, tuple)):
            return self._sequence(node, old, new)  # type: ignore[arg-type]
        return False

    def _with_comment(self, lines: list[str], start: int, stop: int, value: object) -> list[str]:
        """A comment behind a value of one line stays."""
        if len(lines) != 1 or stop - start != 1 or "  # " in lines[0]:
            return lines
        line = self.lines[start].rstrip()
        behind = line[value.end_mark.column :].lstrip()  # type: ignore[attr-defined]
        return [f"{lines[0]}  {behind}"] if behind.startswith("#") else lines

    # -- lists -------------------------------------------------------------------------------------

    def _sequence(self, node: SequenceNode, old: list[Data], new: Sequence[Written]) -> bool:
        items = node.value
        if any(_is_alias(one, other) for one, other in pairwise(items)):
            return False
        indent = " " * self.lines[items[0].start_mark.line].rindex("-", 0, items[0].start_mark.column)
        starts = [item.start_mark.line for item in items]
        stops = [self._end(item, item) for item in items]
        before, after = (list(map(as_text, some)) for some in (old, map(plain, new)))
        for word, i1, i2, j1, j2 in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if word == "equal":
                continue
            self.edits += [_Edit(starts[at], stops[at], ()) for at in range(i1, i2)]
            place = starts[i1] if i1 == i2 < len(items) else stops[max(i1, i2 - 1) if i1 < i2 else -1]
            lines = [line for item in new[j1:j2] for line in item_lines(item, indent)]
            if lines:
                self.edits.append(_Edit(place, place, lines))
        return True

    # -- where things end --------------------------------------------------------------------------

    def _end(self, *nodes: object) -> int:
        """The line behind a value: where it is a block, behind the last thing in it."""
        return 1 + max(self._last(leaf) for leaf in _leaves(nodes))

    def _last(self, node: object) -> int:
        start, end = node.start_mark, node.end_mark  # type: ignore[attr-defined]
        if getattr(node, "style", None) in ("|", ">"):  # what ends where the next thing begins
            return int(start.line) + self.text[start.index : end.index].rstrip().count("\n")
        return int(end.line)


def _leaves(nodes: Sequence[object]) -> Iterator[object]:
    """The scalars and bracketed values in them; an alias has no place of its own."""
    for before, node in pairwise((nodes[0], *nodes)):
        value = getattr(node, "value", None)
        if _is_alias(before, node):
            continue
        if not isinstance(value, list) or node.flow_style or not value:  # type: ignore[attr-defined]
            yield node
        else:
            flat = [one for child in value for one in (child if isinstance(child, tuple) else (child,))]
            yield from _leaves(flat)


def _is_alias(before: object, node: object) -> bool:
    """Whether a node was written before the one that it stands behind."""
    return bool(node.start_mark.index < before.start_mark.index)  # type: ignore[attr-defined]


def as_text(value: object) -> str:
    """Plain data as a text that is the same for the same data, whatever the order of its keys."""
    return json.dumps(value, sort_keys=True, default=str)
