"""Circles among names: who is a member of whom, who granted what to whom. Each name is looked at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping


def circles(names: Iterable[str], after: Callable[[str], Iterable[str]]) -> dict[str, list[str]]:
    """For the first name of each knot of circles, a way from it back to itself, both ends written."""
    ways = {}
    for knot in _knots(names, after):
        first = min(knot)
        if len(knot) > 1 or first in after(first):
            ways[first] = _way_back(first, knot, after)
    return ways


def _knots(names: Iterable[str], after: Callable[[str], Iterable[str]]) -> Iterator[set[str]]:
    """The strongly connected components, by Tarjan's algorithm with a stack of our own."""
    search = _Search(after)
    for start in names:
        if start not in search.order:
            yield from search.knots(start)


class _Search:
    def __init__(self, after: Callable[[str], Iterable[str]]) -> None:
        self.after = after
        self.order: dict[str, int] = {}
        self.low: dict[str, int] = {}
        self.open_names: dict[str, None] = {}
        self.work: list[tuple[str, Iterator[str]]] = []

    def knots(self, start: str) -> Iterator[set[str]]:
        self._enter(start)
        while self.work:
            name, rest = self.work[-1]
            following = next(rest, None)
            if following is None:
                yield from self._leave(name)
            elif following not in self.order:
                self._enter(following)
            elif following in self.open_names:
                self.low[name] = min(self.low[name], self.order[following])

    def _enter(self, name: str) -> None:
        self.order[name] = self.low[name] = len(self.order)
        self.open_names[name] = None
        self.work.append((name, iter(self.after(name))))

    def _leave(self, name: str) -> Iterator[set[str]]:
        self.work.pop()
        if self.work:
            above = self.work[-1][0]
            self.low[above] = min(self.low[above], self.low[name])
        if self.low[name] == self.order[name]:
            yield _closed(name, self.open_names)


def _closed(name: str, open_names: dict[str, None]) -> set[str]:
    """Takes a knot off the names that are still open: all that came since its first."""
    knot: set[str] = set()
    while name not in knot:
        knot.add(open_names.popitem()[0])
    return knot


def _way_back(first: str, knot: set[str], after: Callable[[str], Iterable[str]]) -> list[str]:
    before: dict[str, str] = {}
    unvisited = [first]
    while first not in before:
        name = unvisited.pop()
        for following in after(name):
            if following in knot and following not in before:
                before[following] = name
                unvisited.append(following)
    way = [first, before[first]]
    while way[-1] != first:
        way.append(before[way[-1]])
    return way[::-1]


def rings(after: Mapping[str, str]) -> dict[str, list[str]]:
    """Where each name has one that follows at most: for the first of each ring the way around, both ends written."""
    done: set[str] = set()
    ways = {}
    for start in after:
        seen: dict[str, None] = {}
        name: str | None = start
        while name is not None and name not in done and name not in seen:
            seen[name] = None
            name = after.get(name)
        if name is not None and name in seen:
            path = list(seen)
            ring = path[path.index(name) :]
            at = ring.index(min(ring))
            ways[ring[at]] = [*ring[at:], *ring[:at], ring[at]]
        done.update(seen)
    return ways
