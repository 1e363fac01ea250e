"""Whether a text mentions one of very many names."""

from __future__ import annotations

import re
from collections.abc import Iterable

_WORD = re.compile(r"\w+")


class Names:
    """Names, by their first words: a text is compared with those alone whose first word it has."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_word: dict[str, list[str]] = {}
        for name in names:
            word = _WORD.search(name)
            self._by_word.setdefault(word[0] if word else "", []).append(name)

    def mentioned(self, text: str) -> bool:
        """Whether a name stands in the text, as whole words."""
        words = {"", *_WORD.findall(text)} if self._by_word else set()
        return any(name in text for word in words for name in self._by_word.get(word, ()))
