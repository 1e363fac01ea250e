"""What a rule of pg_hba.conf means: whom it matches, and how they prove who they are, in one spelling of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from pgdeploy.postgres import pg_hba
from pgdeploy.postgres.wordlist import split_paths
from pgdeploy.secret.place import shown_pair
from pgdeploy.text.naming import quoted_name
from pgdeploy.text.problem import ValueProblem

KEYWORDS = ("all", "sameuser", "samerole", "samegroup", "replication")
"""Words in place of a database."""
USER_KEYWORDS = ("all",)
ADDRESS_WORDS = ("all", "samehost", "samenet")
LISTS = ("radiusservers", "radiussecrets", "radiusports", "radiusidentifiers")


class Match(NamedTuple):
    """What a rule matches: its identity. Words are as `pg_hba.word` gives them."""

    type: str
    database: tuple[str, ...]
    user: tuple[str, ...]
    address: str | None

    @property
    def text(self) -> str:
        words = [
            self.type,
            ",".join(map(quoted_name, self.database)),
            ",".join(map(quoted_name, self.user)),
            self.address,
        ]
        return " ".join(word for word in words if word)

    @property
    def meaning(self) -> Meaning:
        """The same for all that match the same: the order of names is none, and `all` has the others in it."""
        databases = frozenset("samerole" if word == "samegroup" else word for word in self.database)
        if "all" in databases:
            databases &= {"all", "replication"}
        return self.type, databases, frozenset(["all"] if "all" in self.user else self.user), self.address


def numbered(matches: Iterable[Match]) -> Iterator[Identity]:
    """The identities of rules: what each matches, and how many before it and with it match the same.

    Of rules that match the same the first alone counts, but a file may have them.
    """
    seen: Counter[Meaning] = Counter()
    for match in matches:
        meaning = match.meaning
        seen[meaning] += 1
        yield meaning, seen[meaning]


Meaning = tuple[str, frozenset[str], frozenset[str], "str | None"]
Identity = tuple[Meaning, int]
"""What a rule matches, and which of the rules that match this it is, from 1."""


def addresses(matches: Sequence[Match]) -> Iterator[str]:
    """What checks and advice call each rule: by what it matches; one that matches the same again has its number."""
    for match, (_, number) in zip(matches, numbered(matches), strict=True):
        yield f"hba[{match.text}{f' #{number}' if number > 1 else ''}]"


class Auth(NamedTuple):
    """A method and its options as `key=value`, as written. It holds secrets: only `text` is for people."""

    method: str
    written: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join([self.method, *sorted(map(shown_pair, self.written))])

    def meaning(self, kind: str) -> tuple[str, Mapping[str, object]]:
        """The same for all that do the same in a rule of this type: a default need not be written."""
        options: dict[str, str] = {}
        for pair in self.written:
            key, _, value = pair.partition("=")
            options |= _of_url(value) if key == "ldapurl" else {key: value}
        implied = {**_DEFAULTS, **_defaults(self.method, options)}
        meant = {key: _one_spelling(key, value) for key, value in options.items()}
        # on a socket nobody but the kernel can be asked
        method = "peer" if (kind, self.method) == ("local", "ident") else self.method
        return method, {key: value for key, value in meant.items() if value != implied.get(key)}


_DEFAULTS: Mapping[str, object] = {
    "clientname": "CN",
    "compat_realm": "1",
    "delegate_ident_mapping": "0",
    "include_realm": "1",
    "ldapscheme": "ldap",
    "ldapscope": "sub",
    "ldaptls": "0",
    "pam_use_hostname": "0",
    "pamservice": "postgresql",
    "radiusidentifiers": ("postgresql",),
    "radiusports": ("1812",),
    "upn_username": "0",
}
_FLAGS = (
    "compat_realm",
    "delegate_ident_mapping",
    "include_realm",
    "ldaptls",
    "pam_use_hostname",
    "upn_username",
)


def _defaults(method: str, options: Mapping[str, str]) -> Mapping[str, object]:
    """Those that depend on the rest of the rule."""
    found = {"ldapport": "636" if options.get("ldapscheme") == "ldaps" else "389"}
    return found | ({"clientcert": "verify-full"} if method == "cert" else {})


def _one_spelling(key: str, value: str) -> object:
    """A flag is 1 or nothing; elements of a list may be quoted or not, with blanks between them."""
    if key in _FLAGS:
        return "1" if value == "1" else "0"
    if key == "ldapport" and value.isdigit():
        return str(int(value))
    if key not in LISTS:
        return value
    try:
        found = split_paths(value)
    except ValueProblem:
        return value
    # one for all servers, or the same for each
    return found[:1] if len(set(found)) == 1 and key != "radiusservers" else found


def _of_url(url: str) -> dict[str, str]:
    """The options that PostgreSQL makes of `ldapurl`; what it does not say is not touched."""
    try:
        parts = urlsplit(url, allow_fragments=False)
        port = parts.port
    except ValueError:
        return {"ldapurl": url}
    if parts.scheme not in ("ldap", "ldaps"):
        return {"ldapurl": url}
    attribute, scope, search, *_ = [*map(unquote, parts.query.split("?")), "", "", ""]
    host = parts.netloc if port is None else parts.netloc.rpartition(":")[0]
    found = {
        "ldapserver": unquote(host.removeprefix("[").removesuffix("]")),
        # of several the first counts
        "ldapsearchattribute": attribute.partition(",")[0],
        "ldapsearchfilter": search,
    }
    # an empty base is one: PostgreSQL searches there before it binds
    base = {"ldapbasedn": unquote(parts.path.removeprefix("/"))} if parts.path else {}
    return {key: value for key, value in found.items() if value} | {
        **base,
        "ldapscheme": parts.scheme,
        "ldapport": str(port or (636 if parts.scheme == "ldaps" else 389)),
        "ldapscope": {"": "base", "subtree": "sub", "onelevel": "one"}.get(scope.lower(), scope.lower()),
    }


def element(text: str) -> str:
    """An element of a list of RADIUS servers, quoted where it must be."""
    return text if _PLAIN_ELEMENT.fullmatch(text) else '"' + text.replace('"', '""') + '"'


_PLAIN_ELEMENT = re.compile(r"[\w.:/+-]+")


def network(address: str, mask: str | None = None) -> str:
    """One spelling of a network, a host name or a word; the server shows address and mask apart."""
    if mask is None and address in ADDRESS_WORDS:
        return address
    try:
        length = _length(mask) if mask is not None else None
        return str(ip_network(address if length is None else f"{address}/{length}", strict=False))
    except ValueError:
        pass
    if mask is not None:
        return f"{address}/{mask}"
    # host names are the same in any case; `ALL` is one
    return pg_hba.word(address.lower(), ADDRESS_WORDS)


def _length(mask: str) -> int:
    """How many bits a mask has.

    Raises:
        ValueError: not all of them stand at its head.
    """
    known = ip_address(mask)
    bits = int(known).bit_count()
    if int(known) != (1 << known.max_prefixlen) - (1 << (known.max_prefixlen - bits)):
        raise ValueError(mask)
    return bits
