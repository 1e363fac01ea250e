"""Names that have several spellings in PostgreSQL: types, locales, encodings, moments.

Each function gives the one spelling that the rest of pgdeploy compares.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from typing import Literal

from pgdeploy.problem import ValueProblem

_TYPES = {
    "int": "integer",
    "int4": "integer",
    "int2": "smallint",
    "int8": "bigint",
    "serial": "integer",
    "serial4": "integer",
    "smallserial": "smallint",
    "serial2": "smallint",
    "bigserial": "bigint",
    "serial8": "bigint",
    "bool": "boolean",
    "float": "double precision",
    "float8": "double precision",
    "float4": "real",
    "dec": "numeric",
    "decimal": "numeric",
    "varchar": "character varying",
    "char varying": "character varying",
    "nchar varying": "character varying",
    "national character varying": "character varying",
    "national char varying": "character varying",
    "char": "character",
    "bpchar": "character",
    "nchar": "character",
    "national character": "character",
    "national char": "character",
    "varbit": "bit varying",
    "time": "time without time zone",
    "timetz": "time with time zone",
    "timestamp": "timestamp without time zone",
    "timestamptz": "timestamp with time zone",
}

_PLAIN_NAME = r'(?:"(?:[^"]|"")+"|[^\s"()\[\]])+'
_TYPE = re.compile(
    rf"(?P<name>{_PLAIN_NAME}(?:\s+(?!with\b|without\b){_PLAIN_NAME})*?)\s*"
    r"(?:\(\s*(?P<modifier>[^()]*?)\s*\))?\s*(?P<zone>with(?:out)?\s+time\s+zone)?\s*"
    r"(?P<array>(?:array\b)?\s*(?:\[\s*\d*\s*\]\s*)*)",
    re.IGNORECASE,
)


def type_name(spelling: str) -> str:
    """A type as format_type spells it: int8 is bigint, varchar(9) is character varying(9), int[][] is integer[].

    A name in double quotes is left alone; float(p), which is one of two types, is resolved.

    Raises:
        ValueProblem: this is no spelling of a type.
    """
    found = _TYPE.fullmatch(spelling.strip())
    if found is None:
        raise ValueProblem(
            f"read {spelling!r}, which is no name of a type; allowed: text, varchar(40), int[], s.kind"
        )
    array = "[]" if found["array"].strip() else ""
    modifier = re.sub(r"\s", "", found["modifier"] or "")
    name = " ".join(found["name"].split()) if '"' not in found["name"] else found["name"]
    return _with_modifier(_base(name, found["zone"]), modifier) + array


def _base(name: str, zone: str | None) -> str:
    if '"' in name:
        return name
    folded = name.lower().removeprefix("pg_catalog.")
    if zone:
        return f"{folded} {' '.join(zone.lower().split())}"
    return _TYPES.get(folded, folded)


def _with_modifier(base: str, modifier: str) -> str:
    if not modifier:
        # CHAR alone is CHAR(1), BIT alone is BIT(1); format_type writes neither where there is no modifier.
        return base
    if base == "double precision":  # float(p)
        return "real" if int(modifier) <= 24 else base
    if base == "numeric" and "," not in modifier:
        modifier += ",0"
    word, space, rest = base.partition(" with")
    return f"{word}({modifier}){space}{rest}"


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
