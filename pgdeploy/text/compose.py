"""docker-compose.yaml, written as JSON, which every YAML reader takes."""

from __future__ import annotations

import re
from json import dumps
from typing import Any

_NOT_PRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""JSON has these as they are, and YAML takes them for line breaks, or not at all."""


def document(whole: dict[str, Any]) -> str:
    """The file. A `$` would be a variable to compose, two of them are a `$`."""
    # not in ASCII alone: JSON would write an emoji as two escapes, which YAML does not put together
    text = dumps(whole, indent=2, ensure_ascii=False)
    text = _NOT_PRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
    return text.replace("$", "$$") + "\n"
