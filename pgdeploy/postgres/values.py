"""Values of settings: every spelling has one canonical form, so that 65536kB is 64MB and drift is drift.

What is read is what YAML gives: text as postgresql.conf has it, numbers, booleans, lists of elements. What
the server would refuse is refused here, offline, by the server's own rules (quantity.py for numbers,
wordlist.py and textvalue.py for text). Names that belong to other values are found here too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from pgdeploy.postgres.parameter import Parameter
from pgdeploy.postgres.privilege import PRIVILEGES, expand, privileges
from pgdeploy.postgres.quantity import (
    OCTAL,
    read_bool,
    read_integer,
    read_real,
    show_integer,
    show_real,
    shown_real,
)
from pgdeploy.postgres.spelling import SERVER_ENCODINGS, encoding_name, icu_locale, locale_name
from pgdeploy.postgres.textvalue import read_text
from pgdeploy.postgres.wordlist import join, split_names, split_paths
from pgdeploy.text.problem import ValueProblem, did_you_mean

__all__ = [
    "AUTO",
    "NOT_SHOWN",
    "PRIVILEGES",
    "SERVER_ENCODINGS",
    "Canonical",
    "SettingInput",
    "ValueProblem",
    "canonical",
    "conf_text",
    "encoding_name",
    "expand",
    "from_server",
    "icu_locale",
    "locale_name",
    "privileges",
    "show",
    "sql_elements",
]

SettingInput: TypeAlias = str | int | float | bool | list[str] | tuple[str, ...]
"""What YAML gives for a setting."""

Canonical: TypeAlias = bool | int | float | str | tuple[str, ...]
"""What is compared. Integers and reals count the parameter's unit."""

AUTO: Mapping[str, int] = {
    "wal_buffers": -1,
    "commit_timestamp_buffers": 0,
    "subtransaction_buffers": 0,
    "transaction_buffers": 0,
    "io_max_concurrency": -1,
}
"""Values that the server replaces at its start by what it works out: pg_settings never shows them."""

NOT_SHOWN = frozenset(
    {
        "archive_command",
        "tcp_keepalives_count",
        "tcp_keepalives_idle",
        "tcp_keepalives_interval",
        "tcp_user_timeout",
    }
)
"""Settings of which pg_settings may show something else than their value: while archive_mode is off, or for
the connection that asks (0 on a Unix socket). Their truth is pg_file_settings."""

# Since 17 these count in banks of sixteen pages.
_BANKS = frozenset(
    f"{name}_buffers"
    for name in (
        "commit_timestamp",
        "multixact_member",
        "multixact_offset",
        "notify",
        "serializable",
        "subtransaction",
        "transaction",
    )
)


def canonical(value: SettingInput, parameter: Parameter) -> Canonical:
    """What the server understands when it reads this value.

    Raises:
        ValueProblem: the server would refuse it; the message says what was read and what is allowed.
    """
    if isinstance(value, bool) and parameter.vartype in ("integer", "real"):
        raise ValueProblem(
            f"read {_said(value)!r}, which is no number; allowed: a number in place of true and false"
        )
    text = conf_text(value, parameter)
    if "\0" in text:
        raise ValueProblem("read a zero byte, which PostgreSQL has no way to store")
    match parameter.vartype:
        case "bool":
            return read_bool(text)
        case "integer":
            return _hooked(text, read_integer(text, parameter), parameter)
        case "real":
            return read_real(text, parameter)
        case "enum":
            return _read_enum(text, parameter)
    return read_text(text, parameter)


def conf_text(value: SettingInput, parameter: Parameter | None) -> str:
    """The text that postgresql.conf has between its quotes, before `format.postgresql_conf` quotes it.

    The elements of a YAML list are literal names where the server quotes them itself (search_path), and
    joined as they are elsewhere.

    Raises:
        ValueProblem: a list, a boolean, or a fraction where the server could only misread it.
    """
    if isinstance(value, (list, tuple)):
        if parameter is not None and not parameter.is_list:
            raise ValueProblem(f"read a list; {parameter.name} takes one value")
        return join(value, quotes=parameter is not None and parameter.quotes_list)
    if parameter is not None and parameter.vartype == "string":
        _check_plain(value, parameter)
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueProblem(f"read {value}; allowed: a finite number")
    return str(value)


def sql_elements(value: SettingInput, parameter: Parameter | None) -> tuple[str, ...]:
    """What stands after TO in ALTER SYSTEM SET, each to be a literal of its own.

    Several only for lists that the server quotes by itself: one literal 'a, b' would be one name there.
    Empty for an empty list of libraries: ALTER SYSTEM cannot say that, it would store one library without
    a name, and the server would not start; RESET is what is meant.

    Raises:
        ValueProblem: as conf_text.
    """
    text = conf_text(value, parameter)
    if parameter is None or not parameter.quotes_list:
        return (text,)
    if parameter.name in ("search_path", "temp_tablespaces"):
        return split_names(text) or ("",)
    return split_paths(text)


def from_server(setting: str, parameter: Parameter) -> Canonical:
    """The canonical form of pg_settings.setting, which counts in the parameter's unit.

    What the server says of itself is not judged: it may lie outside of the range that can be set.
    """
    match parameter.vartype:
        case "bool":
            return setting == "on"
        case "integer":
            return int(setting, 8 if parameter.name in OCTAL else 10)
        case "real":
            return shown_real(float(setting))
        case "enum":
            return dict(parameter.aliases).get(setting, setting)
    try:
        return read_text(setting, parameter)
    except ValueProblem:
        return setting


def show(value: Canonical, parameter: Parameter) -> str:
    """A canonical value for people, as SHOW has it: 1572864 blocks of 8kB are 12GB, -1 stays -1."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int):
        return f"0{value:o}" if parameter.name in OCTAL else show_integer(value, parameter.unit)
    if isinstance(value, float):
        return show_real(value, parameter.unit)
    return value if isinstance(value, str) else join(value, quotes=parameter.quotes_list)


def _read_enum(text: str, parameter: Parameter) -> str:
    aliases = dict(parameter.aliases)
    known = {word.lower(): word for word in (*parameter.values, *aliases)}
    # Of the ASCII letters only: the server knows no other case here.
    word = known.get(text.lower() if text.isascii() else text)
    if word is None:
        listed = ", ".join(word or "''" for word in parameter.values)
        raise ValueProblem(f"read {text!r}; allowed: {listed}{did_you_mean(text, parameter.values)}")
    return aliases.get(word, word)


def _hooked(text: str, number: int, parameter: Parameter) -> int:
    """What check hooks add to the range."""
    name = parameter.name
    if parameter.raised_to is not None and number >= 0:
        return max(number, parameter.raised_to)
    if name == "io_max_concurrency" and number == 0:
        raise ValueProblem(f"read {text!r}; allowed: -1 (automatic), or 1 to 1024")
    if name == "vacuum_buffer_usage_limit" and 0 < number < 128:
        raise ValueProblem(f"read {text!r}; allowed: 0, or 128kB to 16GB")
    if name in _BANKS and number % 16:
        raise ValueProblem(
            f"read {text!r}; allowed: multiples of 16 pages ({show_integer(16, parameter.unit)})"
        )
    return number


def _check_plain(value: SettingInput, parameter: Parameter) -> None:
    """YAML's numbers and booleans lose their spelling: 1.10 is 1.1, yes may be true."""
    if isinstance(value, bool) and parameter.name != "log_connections":
        raise ValueProblem(f"read {_said(value)!r}; {parameter.name} takes text: write it in quotes")
    if isinstance(value, float):
        raise ValueProblem(f"read {value}; {parameter.name} takes text: write it in quotes")


def _said(value: bool) -> str:
    return "true" if value else "false"
