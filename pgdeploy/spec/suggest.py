"""What a user may have meant: the near misses of a name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

# Long lists help nobody, and a long text is no misspelt name.
_FEW = 12
_LONGEST = 100
_LIKE = 0.7
"""How much of two names must be the same; names of very different lengths cannot have that."""
# To compare two names takes some microseconds.
_MOST = 1000


def near_miss(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, or None."""
    if len(name) > _LONGEST:
        return None
    folded = {item.lower(): item for item in alike(name, known)}
    matches = get_close_matches(name.lower(), folded, n=1, cutoff=_LIKE)
    return folded[matches[0]] if matches else None


def alike(name: str, known: Iterable[str]) -> list[str]:
    """Names of about this length, those that begin alike first: not more than can be compared with it quickly."""
    near = [item for item in known if 2 * min(len(item), len(name)) >= _LIKE * (len(item) + len(name))]
    if len(near) > _MOST:
        near.sort(key=lambda item: item[:2].lower() != name[:2].lower())
    return near[:_MOST]


def advise(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` and `; allowed: X, Y`, as far as there is something to say."""
    names = sorted(set(known))
    near = near_miss(name, names)
    meant = f"; did you mean {near}?" if near is not None else ""
    return meant + (f"; allowed: {', '.join(names)}" if 0 < len(names) <= _FEW else "")
