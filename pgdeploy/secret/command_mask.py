"""Shell commands as settings have them, shown without what may be a secret in them.

A secret can stand at any place of a command. So it is the other way round: a word is shown when it is plainly none (a
program, a path, an option's name, `%p`, a word of backup tools), and everything else is masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from pgdeploy.secret.masked import MASK

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<redirection>\d?>>?(?:&\d)?|<)|(?P<operator>&&|\|\||[;|&()])|(?P<word>(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\;|&()<>])+)""",
    re.DOTALL,
)
_PROGRAM = re.compile(r"(?:/[\w.@%+-]+)+|[A-Za-z][\w.+-]*")
_LATER_PROGRAM = re.compile(r"(?:/[\w.@%+-]+)+|[a-z][a-z_.-]*")
"""Behind an operator, which may be a sign of a secret that was not quoted."""
_PATH = re.compile(r"(?:~|\.{1,2})?(?:/[\w.%+-]*)+")
_PLACEHOLDER = re.compile(r"%[pfr%]|\$[?#@*]|\$\w+|\$\{\w+\}")
_SHORT = re.compile(r"-[A-Za-z]|-[a-jl-oq-tv-z][A-Za-z]{1,2}|--")
_LONG = re.compile(r"--?(?P<name>[A-Za-z][\w-]*)")
_PAIR = re.compile(r"(?P<name>-{0,2}[A-Za-z][\w.-]*)=(?P<value>.*)", re.DOTALL)
_URL = re.compile(
    r"(?P<place>[A-Za-z][\w+.-]*://[\w.-]*(?::\d+)?(?P<path>/[\w.%/-]*)?)(?P<query>[?#].*)?", re.DOTALL
)
_STORE = re.compile("(?:s3|gs|az|azure|file|ssh|sftp|rsync)://", re.IGNORECASE)
"""URLs of places; the path of others may hold a token."""
_PLAIN_STEPS = re.compile(r"(?:/(?:[a-z._-]*|%[pfr]))*")
_REMOTE = re.compile(r"(?:[a-z_][\w-]*@)?[\w-]+(?:\.[\w-]+)*:/(?!/)[\w.%/+-]*")
_NUMBER = re.compile(r"\d{1,3}")
_SECRETIVE = re.compile(
    r"pass|pwd|secret|token|key|credential|auth|sig|sas|salt|cookie|bearer", re.IGNORECASE
)
_PLAIN_OPTION = frozenset({
    "bucket", "compress", "compress-level", "compress-type", "config", "config-path", "dbname", "endpoint-url",
    "format", "host", "jobs", "level", "log-level", "log-level-console", "log-level-file", "log-level-stderr",
    "lock-path", "log-path", "pg1-path", "pg1-port", "port", "process-max", "profile", "region", "repo",
    "repo-path", "repo1-path", "server", "spool-path", "stanza", "storage-class", "threads", "timeout", "user",
    "PGDATA", "PGDATABASE", "PGHOST", "PGPORT", "PGUSER", "PATH", "HOME", "LANG", "LC_ALL", "AWS_REGION",
    "AWS_PROFILE",
})  # fmt: skip
"""Options and variables whose value is shown when it is a plain word."""

_PLAIN_WORD = re.compile(r"[A-Za-z0-9][\w.,:-]{0,40}")
_LEXICON = frozenset({
    "archive-get", "archive-push", "backup-fetch", "backup-push", "bzip2", "cat", "cd", "check", "copy", "cp",
    "cp2", "do", "done", "echo", "else", "env", "exec", "exit", "expire", "false", "fetch", "fi", "for", "get",
    "gpg", "gs", "gunzip", "gzip", "if", "in", "install", "link", "ln", "lz4", "lzop", "mkdir", "mv", "nice",
    "push", "put", "restore", "rm", "rsync", "s3", "scp", "sh", "sleep", "ssh", "sudo", "sync", "tar", "tee",
    "test", "then", "touch", "true", "unlink", "wal", "wal-fetch", "wal-g", "wal-push", "wal-show", "wal_push",
    "wal_fetch", "while", "xz", "zstd", "bash", "[", "]", "[[", "]]", "-", "!", "{", "}",
})  # fmt: skip
_BEFORE_PROGRAM = frozenset({"!", "{", "if", "then", "else", "while", "do", "exec", "nice", "env"})
_SHELLS = frozenset({"sh", "bash", "dash"})
_TELLING = frozenset({"echo", "printf", "set", "export"})
"""Commands whose words are shown never: they are data."""


def mask(command: str) -> str:
    """The command with a mask for each word that may be a secret; only the mask when its quotes do not end."""
    tokens = _tokens(command)
    return MASK if tokens is None else "".join(_shown(tokens))


def _tokens(command: str) -> list[re.Match[str]] | None:
    tokens, at = [], 0
    while at < len(command):
        token = _TOKEN.match(command, at)
        if token is None:
            return None
        tokens.append(token)
        at = token.end()
    return tokens


def _shown(tokens: list[re.Match[str]]) -> Iterator[str]:
    program, after, programs = "", "", _PROGRAM
    for token in tokens:
        text = token[0]
        if token["word"] is None:
            if token["operator"] is not None:
                program, after, programs = "", "", _LATER_PROGRAM
            yield text
        elif not program and not _PAIR.fullmatch(text):
            plain = _unquoted(text)
            program = "" if plain in _BEFORE_PROGRAM else plain
            yield text if programs.fullmatch(plain) or plain in _LEXICON else MASK
        else:
            yield _word(text, program, after)
            after = text


def _unquoted(word: str) -> str:
    return re.sub(r"\\(.)", r"\1", word.replace("'", "").replace('"', ""))


def _word(word: str, program: str, after: str) -> str:
    """One argument, after another: masked unless it is plainly no secret."""
    plain = _unquoted(word)
    if after == "-c" and program.rpartition("/")[2] in _SHELLS:
        return f"'{mask(plain)}'"
    if _takes_secret(after, program):
        return word if _PLACEHOLDER.fullmatch(plain) else MASK
    if _PLACEHOLDER.fullmatch(plain) or (program not in _TELLING and _is_plain(plain, program, after)):
        return word
    return _in_part(plain)


def _is_plain(plain: str, program: str, after: str) -> bool:
    if plain in _LEXICON or _PATH.fullmatch(plain) or _REMOTE.fullmatch(plain) or _NUMBER.fullmatch(plain):
        return True
    if (url := _URL.fullmatch(plain)) and not url["query"] and _is_place(url):
        return True
    if after.startswith("-") and _LONG.fullmatch(after) and after.lstrip("-") in _PLAIN_OPTION:
        return _PLAIN_WORD.fullmatch(plain) is not None
    return bool(_SHORT.fullmatch(plain)) or (plain.startswith("--") and bool(_LONG.fullmatch(plain)))


def _takes_secret(after: str, program: str) -> bool:
    """Whether the argument before says that a secret follows: --password, -u of curl, -p of sshpass."""
    option = _LONG.fullmatch(after)
    if option is None:
        return False
    if len(option["name"]) > 1:
        return _SECRETIVE.search(option["name"]) is not None
    return option["name"] in "uUkKpPH" and program.rpartition("/")[2] in _SECRET_SHORT


_SECRET_SHORT = frozenset({"curl", "wget", "sshpass", "openssl", "mysql", "7z", "zip", "ldapsearch"})
"""Programs with short options for users and passwords."""


def _in_part(plain: str) -> str:
    """What of a word is no secret: the name before the =, a URL without user and query, a command of its own."""
    if pair := _PAIR.fullmatch(plain):
        return f"{pair['name']}={_value(pair['name'].lstrip('-'), pair['value'])}"
    before, at, behind = plain.rpartition("@")
    scheme, separator, _ = before.partition("://")
    url = _URL.fullmatch(f"{scheme}://{behind}" if at and separator else plain)
    if url is None:
        return MASK
    user = f"{scheme}://{MASK}@" if at else f"{plain.partition('://')[0]}://"
    place = url["place"].partition("://")[2]
    shown = place if _is_place(url) else f"{place.removesuffix(url['path'] or '')}/{MASK}"
    return f"{user}{shown}{'?' + MASK if url['query'] else ''}"


def _is_place(url: re.Match[str]) -> bool:
    """Whether nothing in the path of a URL may be a token."""
    return _STORE.match(url[0]) is not None or _PLAIN_STEPS.fullmatch(url["path"] or "") is not None


def _value(name: str, value: str) -> str:
    if not value or (not _SECRETIVE.search(name) and _is_value(name, value)):
        return value
    return MASK


_QUANTITY = re.compile(r"on|off|yes|no|true|false|\d{1,4}(?:[kMGT]B|ms|s|min|h|d)")


def _is_value(name: str, value: str) -> bool:
    plain = _NUMBER.fullmatch(value) or _QUANTITY.fullmatch(value)
    path = _PATH.fullmatch(value) or _PLACEHOLDER.fullmatch(value) or plain
    return bool(path) or (name in _PLAIN_OPTION and _PLAIN_WORD.fullmatch(value) is not None)
