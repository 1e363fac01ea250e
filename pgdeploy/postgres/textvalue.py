"""Settings that are text: one canonical form for the spellings that the server takes for the same.

Most text is compared as it is written. The settings here are not: the server rewrites them when it reads
them, or their elements have no order. `CANONICAL` names each with its rule.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from pgdeploy.postgres.identifier import START
from pgdeploy.postgres.parameter import Parameter
from pgdeploy.postgres.spelling import encoding_name, locale_name
from pgdeploy.postgres.wordlist import split_names, split_paths
from pgdeploy.text.problem import ValueProblem, did_you_mean

Text: TypeAlias = str | tuple[str, ...]


def read_text(text: str, parameter: Parameter) -> Text:
    """The canonical form of a text setting: a string, or the elements of a list.

    Raises:
        ValueProblem: the server would refuse it, or find it broken when it uses it.
    """
    rule = CANONICAL.get(parameter.name.lower())
    if rule is not None:
        return rule(text)
    if parameter.is_list and parameter.values:
        return _words(text, parameter)
    return split_names(text) if parameter.is_list else text


def _words(text: str, parameter: Parameter) -> Text:
    """A set of fixed words: their order means nothing."""
    words = {word.lower() for word in split_names(text)}
    special = _log_connections(words) if parameter.name == "log_connections" else None
    if special is not None:
        return special
    unknown = sorted(words - set(parameter.values))
    if unknown:
        near = did_you_mean(unknown[0], parameter.values)
        raise ValueProblem(f"read {unknown[0]!r}; allowed: a list of {', '.join(parameter.values)}{near}")
    if len(words) > 1 and words & {"all", "none"}:
        raise ValueProblem(f"read {text!r}; allowed: 'all' and 'none' only by themselves")
    return tuple(sorted(words))


def _log_connections(words: set[str]) -> Text | None:
    """PostgreSQL 18 made a list of it, and still takes what it was before."""
    if words and words <= {"on", "true", "yes", "1"} and len(words) == 1:
        return ("authentication", "authorization", "receipt")
    if words and words <= {"off", "false", "no", "0"} and len(words) == 1:
        return ()
    if "all" in words and words <= {"all", "receipt", "authentication", "authorization", "setup_durations"}:
        return ("authentication", "authorization", "receipt", "setup_durations")
    return None


def _names(text: str) -> Text:
    """Names in their order. SET x TO '' leaves one empty name, which is the empty list by another name."""
    names = split_names(text)
    return () if names == ("",) else names


def _slots(text: str) -> Text:
    slots = _set_of_names(text)
    for slot in slots:
        if not re.fullmatch("[a-z0-9_]+", slot):
            raise ValueProblem(f"read {slot!r}; allowed: names of slots, of lower case letters, digits and _")
    return slots


def _set_of_names(text: str) -> Text:
    return tuple(sorted(set(split_names(text))))


def _libraries(text: str) -> Text:
    paths = split_paths(text)
    if "" in paths:
        raise ValueProblem(f"read {text!r}, which has an element without a name; the server would not start")
    return tuple(_path(path) for path in paths)


def _set_of_libraries(text: str) -> Text:
    return tuple(sorted(set(_libraries(text))))


def _addresses(text: str) -> Text:
    return tuple(sorted({address.lower() for address in split_names(text)}))


def _path(text: str) -> str:
    """A path without doubled or trailing slashes."""
    return posixpath.normpath(text) if text else text


_STYLES = {"iso": "ISO", "sql": "SQL", "german": "German", "postgres": "Postgres"}
_ORDERS = {"ymd": "YMD", "dmy": "DMY", "mdy": "MDY", "us": "MDY"}


def _date_style(text: str) -> Text:
    """`style, order`; what is left out is that of the built-in default, and of German."""
    styles, orders = set(), set()
    for word in split_names(text):
        if word in _STYLES or word.startswith("postgres"):
            styles.add(_STYLES.get(word, "Postgres"))
        elif word in _ORDERS or word.startswith(("euro", "noneuro")):
            orders.add(_ORDERS.get(word) or ("DMY" if word.startswith("euro") else "MDY"))
        elif word == "default":
            styles, orders = styles or {"ISO"}, orders or {"MDY"}
        else:
            raise ValueProblem(f"read {word!r}; allowed: ISO, Postgres, SQL or German, and DMY, MDY or YMD")
    if len(styles) > 1 or len(orders) > 1:
        raise ValueProblem(f"read {text!r}, which contradicts itself; allowed: one style and one order")
    style = next(iter(styles), "ISO")
    return style, next(iter(orders), "DMY" if style == "German" else "MDY")


_STANDBYS = re.compile(r"\s*(?:(first|any)\s+)?([0-9]{1,9})\s*\((.*)\)\s*", re.IGNORECASE | re.DOTALL)
_STANDBY = rf'\s*("(?:[^"]|"")+"|\*|{START}[\w$]*|[0-9]+)\s*'
_STANDBY_LIST = re.compile(f"{_STANDBY}(?:,{_STANDBY})*")


def _standbys(text: str) -> Text:
    """`FIRST n (names)` or `ANY n (names)`; a bare list of names is FIRST 1."""
    found = _STANDBYS.fullmatch(text)
    method, count, inner = (found[1] or "first", int(found[2]), found[3]) if found else ("first", 1, text)
    if not text:
        return ""
    if count < 1 or not _STANDBY_LIST.fullmatch(inner):
        raise ValueProblem(
            f"read {text!r}; allowed: a, b or FIRST n (a, b) or ANY n (a, b), with n at least 1"
        )
    names = [name.lower() for name in split_names(inner)]
    if method.lower() == "any":
        names.sort()
    return f"{method.upper()} {count} ({', '.join(names)})"


def _search_configuration(text: str) -> str:
    return text if "." in text or not text else f"pg_catalog.{text}"


def _archive_command(text: str) -> str:
    """Shown as (disabled) while archive_mode is off, whatever the file says."""
    return "" if text == "(disabled)" else text


_PATHS = ("log_directory", "data_directory", "config_file", "hba_file", "ident_file", "external_pid_file")
_LOCALES = ("lc_messages", "lc_monetary", "lc_numeric", "lc_time", "lc_collate", "lc_ctype")

CANONICAL: Mapping[str, Callable[[str], Text]] = (
    {
        "search_path": _names,
        "temp_tablespaces": _names,
        "synchronized_standby_slots": _slots,
        "wal_consistency_checking": _set_of_names,
        "local_preload_libraries": _libraries,
        "session_preload_libraries": _libraries,
        "shared_preload_libraries": _libraries,
        "oauth_validator_libraries": _libraries,
        "output_plugin_libraries": _set_of_libraries,
        "unix_socket_directories": _libraries,
        "listen_addresses": _addresses,
        "datestyle": _date_style,
        "synchronous_standby_names": _standbys,
        "default_text_search_config": _search_configuration,
        "archive_command": _archive_command,
        "client_encoding": encoding_name,
        # The server takes zone names in any case and shows its own.
        "timezone": str.lower,
        "log_timezone": str.lower,
    }
    | dict.fromkeys(_PATHS, _path)
    | dict.fromkeys(_LOCALES, locale_name)
)
