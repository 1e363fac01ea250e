"""What was taken away from a document, so that the rest can be validated: paths of the whole document.

A file with thousands of errors asks thousands of questions here; each takes steps by the length of a
path, not by the number of paths.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator
from copy import deepcopy

from pgdeploy.spec.node import Data
from pgdeploy.spec.place import Keys


class Pruned:
    """A set of paths that grows."""

    def __init__(self) -> None:
        self.paths: set[Keys] = set()
        self._above: set[Keys] = set()
        self._items: dict[Keys, list[int]] = {}
        self._shifts: dict[Keys, list[int]] = {}

    def add(self, paths: Iterable[Keys]) -> None:
        """Take these away too."""
        for path in set(paths) - self.paths:
            self.paths.add(path)
            self._above.update(_prefixes(path))
            if isinstance(path[-1], int):
                insort(self._items.setdefault(path[:-1], []), path[-1])
        self._shifts = {
            path: [gone - before for before, gone in enumerate(items)] for path, items in self._items.items()
        }

    def covers(self, keys: Keys) -> bool:
        """Whether the path is at or below one that was taken away."""
        return any(prefix in self.paths for prefix in _prefixes(keys))

    def touches(self, keys: Keys) -> bool:
        """Whether the path is at, below or above one that was taken away."""
        return keys in self._above or self.covers(keys)

    def rest(self, data: Data) -> Data:
        """A copy of the data without what was taken away."""
        copy = deepcopy(data)
        gone: dict[Keys, set[str | int]] = {}
        for path in self.paths:
            gone.setdefault(path[:-1], set()).add(path[-1])
        # The deepest first: what is deleted must not shift the items on the way to what is still to go.
        for parent in sorted(gone, key=len, reverse=True):
            _delete(copy, parent, gone[parent])
        return copy

    def original(self, keys: Keys) -> Keys:
        """A path of the rest as a path of the whole: the items that went before it count again."""
        whole: Keys = ()
        for key in keys:
            shift = bisect_right(self._shifts.get(whole, ()), key) if isinstance(key, int) else 0
            whole = (*whole, key + shift if isinstance(key, int) else key)
        return whole


def child(data: Data, key: str | int) -> Data:
    """What stands under a key, None if nothing does."""
    if isinstance(data, dict) and isinstance(key, str):
        return data.get(key)
    return data[key] if isinstance(data, list) and isinstance(key, int) else None


def _prefixes(keys: Keys) -> Iterator[Keys]:
    return (keys[:end] for end in range(len(keys) + 1))


def _delete(data: Data, parent: Keys, gone: set[str | int]) -> None:
    for key in parent:
        data = child(data, key)
    if isinstance(data, dict):
        for name in gone:
            data.pop(str(name), None)
    elif isinstance(data, list):
        data[:] = [item for index, item in enumerate(data) if index not in gone]
