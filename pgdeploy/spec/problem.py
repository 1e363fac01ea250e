"""What is wrong with the data at a path, in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from pgdeploy.spec.place import Keys, dotted
from pgdeploy.text.one_line import escape

_LONGEST = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a path of the document. Examiners of a whole spec yield these.

    `about_key`: the key itself is wrong, not what stands behind it. `hint` gives the end of the message; to look for
    what was meant costs time, so only a problem that is shown is asked for it.
    """

    keys: Keys
    message: str
    about_key: bool = False
    hint: Callable[[], str] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{dotted(self.keys)}: {self.message}" if self.keys else self.message


def show(value: object) -> str:
    """What was read, short and on one line; of a list or mapping only that it is one."""
    if isinstance(value, dict):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return "a list" if value else "an empty list"
    if isinstance(value, str):
        short = value if len(value) <= _LONGEST else f"{value[: _LONGEST - 3]}..."
        return escape(json.dumps(short, ensure_ascii=False))
    text = "null" if value is None else str(value).lower()
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
