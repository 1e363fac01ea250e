"""How ids and messages show names, and lists of them."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from json import dumps
from re import compile as pattern

from pgdeploy.text.one_line import escape

_PLAIN = pattern(r"[\w$@-]+").fullmatch
_DOTTED = pattern(r"[\w$@-]+(\.[\w$@-]+)+").fullmatch


@lru_cache(maxsize=65536)
def quoted_name(text: str, *, dotted: bool = False) -> str:
    """A name as ids show it: itself when it is plain, else quoted and escaped as in JSON.

    Blanks and dots are not plain, as ids put names together with them; in a setting's name a dot is (`dotted`).
    """
    return text if _PLAIN(text) or (dotted and _DOTTED(text)) else escape(dumps(text, ensure_ascii=False))


def listing(items: Iterable[str]) -> str:
    """All of them, sorted, for a finding; `none` when there are none. Who adopts a server needs each."""
    return ", ".join(sorted(items)) or "none"


def examples(items: Iterable[str], most: int = 8) -> str:
    """The same for a message to people: cut after `most`."""
    known = sorted(items)
    more = f", and {len(known) - most} more" if len(known) > most else ""
    return listing(known[:most]) + more
