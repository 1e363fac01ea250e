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
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_names: dict[str, None] = {}
    for start in names:
        if start in order:
            continue
        order[start] = low[start] = len(order)
        open_names[start] = None
        work = [(start, iter(after(start)))]
        while work:
            name, rest = work[-1]
            following = next(rest, None)
            if following is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[name])
                if low[name] == order[name]:
                    yield _closed(name, open_names)
            elif following not in order:
                order[following] = low[following] = len(order)
                open_names[following] = None
                work.append((following, iter(after(following))))
            elif following in open_names:
                low[name] = min(low[name], order[following])


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
