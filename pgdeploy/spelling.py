"""Names that have several spellings in PostgreSQL: locales, encodings, moments.

Each function gives the one spelling that the rest of pgdeploy compares.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Literal

from pgdeploy.problem import ValueProblem


def timestamp(value: str | datetime | date) -> datetime | Literal["infinity"]:
    """A moment for VALID UNTIL, in UTC; without a zone it is meant in UTC, a bare day is its midnight.

    Raises:
        ValueProblem: it is no moment.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    elif value.strip().lower() in ("infinity", "+infinity"):
        return "infinity"
    else:
        try:
            moment = datetime.fromisoformat(_iso(value.strip()))
        except ValueError:
            raise ValueProblem(
                f"read {value!r}, which is no moment; allowed: 2027-01-31, 2027-01-31 12:00:00+00 or infinity"
            ) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def _iso(text: str) -> str:
    """`12:00:00 UTC` and `12:00:00 +02` are as good as `12:00:00+00:00` to PostgreSQL."""
    return re.sub(r"\s*(?:UTC|GMT|Z)$", "+00:00", re.sub(r"\s+([+-]\d)", r"\1", text), flags=re.IGNORECASE)


def locale_name(spelling: str) -> str:
    """A locale with its encoding spelled one way: en_US.UTF-8 and en_US.utf8 are the same."""
    language, point, rest = spelling.partition(".")
    encoding, at, modifier = rest.partition("@")
    if not point:
        return "C" if spelling == "POSIX" else spelling
    return f"{language}.{re.sub(r'[^a-z0-9]', '', encoding.lower())}{at}{modifier}"


_ENCODINGS = {
    "UNICODE": "UTF8",
    "ISO88591": "LATIN1",
    "ISO885915": "LATIN9",
    "SHIFTJIS": "SJIS",
    "KOI8": "KOI8R",
}
_UNDERSCORED = {
    name.replace("_", ""): name
    for name in (
        *(
            "SQL_ASCII",
            "EUC_JP",
            "EUC_CN",
            "EUC_KR",
            "EUC_TW",
            "EUC_JIS_2004",
            "SHIFT_JIS_2004",
            "MULE_INTERNAL",
        ),
        *("ISO_8859_5", "ISO_8859_6", "ISO_8859_7", "ISO_8859_8"),
    )
}


def encoding_name(spelling: str) -> str:
    """An encoding as the server spells it: utf-8 is UTF8."""
    name = re.sub(r"[^A-Z0-9]", "", spelling.upper())
    name = re.sub(r"^WINDOWS(?=[0-9])", "WIN", name)
    return _UNDERSCORED.get(name, _ENCODINGS.get(name, name))
