"""libpq connection strings, read by libpq's own grammar: `key=value` pairs and `postgresql://` URIs.

libpq quotes what it cannot read, and takes a part of a password that is not encoded for a host or a port. So a string
is read here first: what is not clear is refused by what is wrong with it, without a word of the string itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import NamedTuple
from urllib.parse import unquote

from pgdeploy.secret.masked import MASK

SECRETS = frozenset(
    {"password", "sslpassword", "oauth_client_secret", "scram_client_key", "scram_server_key"}
)
"""Options whose value is never shown."""

KEYWORDS = SECRETS | frozenset({
    "application_name", "authtype", "channel_binding", "client_encoding", "connect_timeout", "dbname",
    "fallback_application_name", "gssdelegation", "gssencmode", "gsslib", "host", "hostaddr", "keepalives",
    "keepalives_count", "keepalives_idle", "keepalives_interval", "krbsrvname", "load_balance_hosts",
    "max_protocol_version", "min_protocol_version", "oauth_client_id", "oauth_issuer", "oauth_scope", "options",
    "passfile", "port", "replication", "require_auth", "requirepeer", "requiressl", "service", "servicefile",
    "ssl_max_protocol_version", "ssl_min_protocol_version", "sslcert", "sslcertmode", "sslcompression", "sslcrl",
    "sslcrldir", "sslkey", "sslkeylogfile", "sslmode", "sslnegotiation", "sslrootcert", "sslsni",
    "target_session_attrs", "tcp_user_timeout", "tty", "user",
})  # fmt: skip
"""The options of every libpq from 14 to 19."""

_LONGEST = 30

URI = re.compile("postgres(?:ql)?://")

_SPACE = "[ \\t\\n\\v\\f\\r]"
_PAIR = re.compile(
    rf"{_SPACE}*(?P<keyword>(?:(?!{_SPACE})[^=])*){_SPACE}*={_SPACE}*"
    rf"(?P<value>'(?P<quoted>(?:[^'\\]|\\.)*)'|(?!')(?P<bare>(?:\\.|\\\Z|(?!{_SPACE})[^\\])*))",
    re.DOTALL,
)
_ESCAPED = re.compile(r"\\(.?)", re.DOTALL)
_OPTION_INSIDE = re.compile(
    r"postgres(?:ql)?://|://[^/\s]*@|(?:pass(?:word|wd)?|pwd|secret)\s*=", re.IGNORECASE
)
_NOT_ENCODED = re.compile("%(?![0-9A-Fa-f]{2})")
_HOST = re.compile(
    r"\[[0-9A-Fa-f:.]+(?:%[\w.-]+)?\]|[\w.-]*|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*(?:%[\w.-]+)?|[/@][^,]*"
)
_PORT = re.compile("[0-9]{0,5}")


class ConninfoError(Exception):
    """What is wrong with a connection string, and what to write; it holds nothing of the string."""


class Option(NamedTuple):
    """One option, and where its value stands in the string."""

    keyword: str
    value: str
    start: int
    end: int


def options(text: str) -> dict[str, str]:
    """The options of a connection string; the last of two with one name counts.

    Raises:
        ConninfoError: libpq would refuse it, or could take a part of a password for something else.
    """
    return {option.keyword: option.value for option in read(text)}


def mask(text: str) -> str:
    """The string with a mask for each secret in it; nothing else than the mask when it is no such string."""
    try:
        spans = [option for option in read(text) if option.keyword in SECRETS and option.value]
    except ConninfoError:
        return MASK
    for option in sorted(spans, key=lambda option: option.start, reverse=True):
        text = f"{text[: option.start]}{MASK}{text[option.end :]}"
    return text


def without_secrets(text: str) -> str:
    """The string as it is where it holds no secret, else its other options as `keyword=value`.

    Raises:
        ConninfoError: as `options`.
    """
    found = options(text)
    if not SECRETS.intersection(found):
        return text
    from psycopg.conninfo import make_conninfo

    return make_conninfo(**{keyword: value for keyword, value in found.items() if keyword not in SECRETS})


def read(text: str) -> tuple[Option, ...]:
    """The options in order, each with its place.

    Raises:
        ConninfoError: as `options`.
    """
    if "\0" in text:
        raise ConninfoError("it holds a NUL character")
    prefix = URI.match(text)
    found = tuple(_of_uri(text, prefix.end()) if prefix else _pairs(text))
    _require_known(found)
    _require_clear(found)
    _require_hosts({option.keyword: option.value for option in found})
    return found


def _require_known(found: Iterable[Option]) -> None:
    for number, option in enumerate(found, 1):
        if option.keyword not in KEYWORDS:
            # the word may be a part of a password with a blank or & in it
            raise ConninfoError(
                f"its {_ordinal(number)} option is not one of libpq's (not shown: it may be a part of a password)"
                f"; {_meant(option.keyword)}put a value with blanks in single quotes, and write %26 for & in a URI"
            )


_OF_OTHERS = {
    "database": "dbname", "db": "dbname", "hostname": "host", "server": "host", "username": "user", "role": "user",
    "login": "user", "passwd": "password", "pass": "password", "pwd": "password", "ssl": "sslmode",
    "timeout": "connect_timeout",
}  # fmt: skip
"""What other programs call options of libpq."""


def _meant(keyword: str) -> str:
    """A hint at the nearest option, which says no more of the word than that it is like that one."""
    word = keyword.lower()[:_LONGEST]
    near = [_OF_OTHERS[word]] if word in _OF_OTHERS else get_close_matches(word, KEYWORDS, 1, 0.75)
    return f"did you mean {near[0]}? If it is a part of a value, " if near else ""


def _require_clear(found: Iterable[Option]) -> None:
    """A value of an option that is shown holds no option of its own, as with the separators of other drivers."""
    for option in found:
        if option.keyword not in SECRETS | {"options"} and _OPTION_INSIDE.search(option.value):
            raise ConninfoError(
                f"the value of {option.keyword} holds another connection string or a password "
                "(not shown); options stand apart with a blank between them, or with ? and & in a URI"
            )


def _ordinal(number: int) -> str:
    return {1: "1st", 2: "2nd", 3: "3rd"}.get(number, f"{number}th")


def _require_hosts(found: Mapping[str, str]) -> None:
    """What libpq would print when it does not find it: a host, a port."""
    if not all(_HOST.fullmatch(host) for host in found.get("host", "").split(",")):
        raise ConninfoError(
            "its host is no name, address or path of a socket (not shown: it may be a part of a password); "
            "in a URI write %40 for @, %3A for :, %2F for / in user name and password"
        )
    if not all(_is_port(port) for port in found.get("port", "").split(",")):
        raise ConninfoError(
            "its port is no number from 1 to 65535 (not shown: it may be a password); "
            "a URI with a password is postgresql://USER:PASSWORD@HOST:PORT/, and %40 is an @ in the password"
        )


def _is_port(text: str) -> bool:
    return _PORT.fullmatch(text.strip()) is not None and (not text.strip() or 0 < int(text) < 65536)


# -- key=value -----------------------------------------------------------------------------------------


def _pairs(text: str) -> Iterator[Option]:
    at, end = 0, len(text.rstrip(" \t\n\v\f\r"))
    number = 1
    while at < end:
        pair = _PAIR.match(text, at)
        if pair is None:
            raise _no_pair(text[at:], number)
        raw = pair["quoted"] if pair["quoted"] is not None else pair["bare"]
        yield Option(pair["keyword"], _ESCAPED.sub(r"\1", raw), *pair.span("value"))
        at = pair.end()
        number += 1


def _no_pair(rest: str, number: int) -> ConninfoError:
    if "://" in rest:
        return ConninfoError(
            "a URI begins with postgresql:// or postgres://, in lower case, and nothing before it"
        )
    if "=" not in rest:
        return ConninfoError(
            f"its {_ordinal(number)} word has no = behind it; put a value with blanks in single quotes: "
            "password='...', with \\' and \\\\ for ' and \\ inside"
        )
    return ConninfoError(
        f"the quotes of its {_ordinal(number)} option do not end; inside of them write \\' and \\\\ for ' and \\"
    )


# -- URI -----------------------------------------------------------------------------------------------


def _of_uri(text: str, start: int) -> Iterator[Option]:
    if bad := _NOT_ENCODED.search(text):
        place = (
            "in user name or password" if bad.start() < text.find("@") else "behind user name and password"
        )
        raise ConninfoError(f"a % {place} begins no percent-encoding; write %25 for %")
    if re.search(_SPACE, text):
        raise ConninfoError("it holds a blank; in a URI write %20 for it")
    at = _end_of_user(text, start)
    if at > start:
        yield from _user(text, start, at - 1)
    query = _find(text, "?", at)
    slash = min(_find(text, "/", at), query)
    yield from _hosts(text, at, slash)
    if slash < query:
        yield from _some("dbname", text, slash + 1, query)
    if query < len(text):
        yield from _parameters(text, query + 1)


def _find(text: str, what: str, start: int) -> int:
    at = text.find(what, start)
    return len(text) if at < 0 else at


def _end_of_user(text: str, start: int) -> int:
    """Where the host begins. An @ elsewhere than before the host is never clear: libpq would guess."""
    if text.count("@", start) > 1:
        raise ConninfoError(
            "it holds more than one @; write %40 for each that is not the one before the host"
        )
    at = text.find("@", start)
    if at >= 0 and any(sign in text[start:at] for sign in "/?"):
        raise ConninfoError(
            "a / or ? stands before the @; write %2F and %3F in user name and password, "
            "and %40 for an @ that is not the one before the host"
        )
    return at + 1 if at >= 0 else start


def _user(text: str, start: int, end: int) -> Iterator[Option]:
    colon = text.find(":", start, end)
    yield from _some("user", text, start, end if colon < 0 else colon)
    if colon >= 0:
        yield from _some("password", text, colon + 1, end)


def _hosts(text: str, start: int, end: int) -> Iterator[Option]:
    hosts, ports = [], []
    for word in text[start:end].split(",") if end > start else ():
        bracket = word.rfind("]")
        host, _, port = word[bracket + 1 :].partition(":")
        hosts.append(_decoded(word[: bracket + 1] + host).removeprefix("[").removesuffix("]"))
        ports.append(_decoded(port))
    if any(hosts):
        yield Option("host", ",".join(hosts), start, end)
    if any(ports):
        yield Option("port", ",".join(ports), start, end)


def _parameters(text: str, start: int) -> Iterator[Option]:
    at = start
    for word in text[start:].split("&"):
        if word.count("=") != 1:
            raise ConninfoError(
                "behind its ? stands a word without one = (not shown: it may be a part of a password); "
                "write %26 for & and %3D for = in a value"
            )
        keyword, _, value = word.partition("=")
        begin, end = at + len(keyword) + 1, at + len(word)
        at = end + 1
        if (keyword, value) == ("ssl", "true"):
            yield Option("sslmode", "require", begin, end)
            continue
        yield Option(_decoded(keyword), _decoded(value), begin, end)


def _some(keyword: str, text: str, start: int, end: int) -> Iterator[Option]:
    if end > start:
        yield Option(keyword, _decoded(text[start:end]), start, end)


def _decoded(text: str) -> str:
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise ConninfoError("what is percent-encoded in it is no UTF-8 text") from None
    if "\0" in decoded:
        raise ConninfoError("%00 in it is a NUL character, which nothing of a connection string can hold")
    return decoded
