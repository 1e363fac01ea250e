"""Where PostgreSQL keeps secrets in clear: settings and options of pg_hba.conf that hold one, by name.

Their values are compared as they are, and shown by the functions of this module only: a mask stands for each secret,
and the rest stays readable.

With the modules that it imports this goes to hosts, whose server is quoted there: Python 3.9, the standard library.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

from pgdeploy.secret import command_mask, conninfo
from pgdeploy.secret.masked import MASK

HBA_OPTIONS = frozenset({"ldapbindpasswd", "radiussecrets"})
"""Options of pg_hba.conf that are secrets as a whole."""

_CORE: Mapping[str, Callable[[str], str]] = {
    "primary_conninfo": conninfo.mask,
    "archive_command": command_mask.mask,
    "restore_command": command_mask.mask,
    "archive_cleanup_command": command_mask.mask,
    "recovery_end_command": command_mask.mask,
    "ssl_passphrase_command": command_mask.mask,
}
"""PostgreSQL's own settings that can hold a secret, and how each is shown."""

_CORE_PLAIN = frozenset(
    {
        "max_index_keys",
        "md5_password_warnings",
        "password_encryption",
        "ssl_key_file",
        "ssl_passphrase_command_supports_reload",
    }
)
"""Those that only sound so."""

# Settings of extensions and of applications (`app.jwt_secret`) say it by their names.
_WHOLE = re.compile(
    r"pass(?!ive)|pwd|secret|token|credential|private|(?:^|[._])(?:api_?|access_?|\w+_)?keys?(?:$|[._])|salt|cookie",
    re.IGNORECASE,
)
_CONNECTION = re.compile(r"conn_?info|conn_?str|connection_?string|(?:^|[._])(?:\w+_)?dsn", re.IGNORECASE)
_COMMAND = re.compile(r"(?:^|[._])(?:\w+_)?(?:command|cmd|program)$", re.IGNORECASE)

# In the middle of other text: the user of a URL, `password=...`, a header.
_URL_USER = re.compile(r"(?P<scheme>\b[A-Za-z][\w+.-]{0,20}://)(?P<user>[^\s'\"]{0,1000})@")
_NAMED = re.compile(
    r"(?P<name>(?:pass|pwd|secret|token|credential|api_?key|access_?key)[\w.-]{0,40}[\"']?"
    r"\s*(?:=|:(?!/))\s*)(?P<value>(?P<quote>\\?[\"'])(?:\\.|(?!(?P=quote)).)*(?P=quote)?|[^\s&;,)]+)",
    re.IGNORECASE | re.DOTALL,
)
# The server's own words about what it cannot read end with the word itself.
_QUOTED_BY_SERVER = re.compile(
    r"(?P<said>not in name=value format: |near token \"|RADIUS secrets list \"|connection string syntax: ).*",
    re.DOTALL,
)
_QUOTED_VALUE = re.compile(
    r"(?P<said>parameter \"(?P<name>[^\"]+)\"(?: changed to|:) \")(?P<value>.*)(?P<end>\")", re.DOTALL
)
_QUOTED_COMMAND = re.compile(r"(?P<said>\bcommand \")(?P<command>.*)(?P<end>\")", re.DOTALL)
_FAILED_COMMAND = re.compile(r"(?P<said>\bcommand was: )(?P<command>.*)", re.DOTALL)

_SQL_PASSWORD = re.compile(r"(?P<said>\bPASSWORD\s+)(?:E|U&)?'(?:[^']|'')*'?", re.IGNORECASE)
"""In a statement that is shown: of a role, or in the options of a user mapping."""


def holds_secret(setting: str) -> bool:
    """Whether a setting can hold a secret, so that the spec may give a reference for its value."""
    return _shower(setting.lower()) is not None


def shown_setting(setting: str, text: str) -> str:
    """A setting's value with a mask for each secret in it."""
    shower = _shower(setting.lower())
    return scrub(text) if shower is None else shower(text) if text else text


def shown_option(option: str, text: str) -> str:
    """The value of an option of pg_hba.conf with a mask for each secret in it."""
    if not text or option in HBA_OPTIONS or _WHOLE.search(option):
        return text and MASK
    return scrub(text)


def shown_pair(pair: str) -> str:
    """The same of `option=value`, as the server shows options."""
    option, equals, text = pair.partition("=")
    return f"{option}={shown_option(option, text)}" if equals else scrub(pair)


def scrub(text: str) -> str:
    """Any text, such as a message of the server, without the secrets that can be seen in it by their surroundings."""
    text = _QUOTED_BY_SERVER.sub(rf"\g<said>{MASK}", text)
    text = _QUOTED_VALUE.sub(_shown_value, text)
    text = _QUOTED_COMMAND.sub(
        lambda found: found["said"] + command_mask.mask(found["command"]) + found["end"], text
    )
    text = _FAILED_COMMAND.sub(lambda found: found["said"] + command_mask.mask(found["command"]), text)
    text = _URL_USER.sub(rf"\g<scheme>{MASK}@", text)
    text = _SQL_PASSWORD.sub(rf"\g<said>{MASK}", text)
    return _NAMED.sub(rf"\g<name>{MASK}", text)


def _shown_value(found: re.Match[str]) -> str:
    shower = _shower(found["name"].lower())
    return found[0] if shower is None else found["said"] + shower(found["value"]) + found["end"]


def shown_line(line: str) -> str:
    """A line of a configuration file of the server as it stands there: cut where a secret can begin."""
    found = _SETTING_LINE.match(line)
    if found is not None and holds_secret(found["name"]):
        return f"{found['before']}{MASK}"
    return _HBA_LINE.sub(rf"\g<name>{MASK}", scrub(line))


_SETTING_LINE = re.compile(r"(?P<before>[\s#]*(?P<name>[A-Za-z_][\w.]*)\s*=?\s*).", re.DOTALL)
_HBA_LINE = re.compile(rf"(?P<name>\b(?:{'|'.join(sorted(HBA_OPTIONS))})\W*=).*", re.IGNORECASE | re.DOTALL)


@lru_cache(maxsize=4096)
def _shower(setting: str) -> Callable[[str], str] | None:
    if setting in _CORE or setting in _CORE_PLAIN:
        return _CORE.get(setting)
    if _WHOLE.search(setting):
        return lambda _: MASK
    if _CONNECTION.search(setting):
        return conninfo.mask
    return command_mask.mask if _COMMAND.search(setting) else None
