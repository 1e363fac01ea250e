"""Host-based authentication: `hba:` in the spec, pg_hba.conf on the server.

The first rule that matches wins, so order is meaning, and the scope is exact: a rule beyond the spec is drift.
What is compared is what the server read from the file (pg_hba_file_rules), and whether it has loaded it.
Over a database connection the rules are read only; an embedded server's file is ours to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.change import Change, Effect, HiddenText, Stage
from pgdeploy.check import Check, Finding, Outcome, Resource, listing, name
from pgdeploy.facts import Facts, Query
from pgdeploy.format import pg_hba
from pgdeploy.problem import ValueProblem
from pgdeploy.resources.settingvalue import compared
from pgdeploy.secret import MASK, SecretRef
from pgdeploy.secretplace import HBA_OPTIONS, scrub, shown_option, shown_pair
from pgdeploy.spec.model import FrozenMap, Model
from pgdeploy.spec.text import checked, shaped
from pgdeploy.wordlist import split_paths

if TYPE_CHECKING:
    from pgdeploy.resources.spec import Spec

METHODS = (
    "trust", "reject", "scram-sha-256", "md5", "password", "gss", "sspi", "ident", "peer", "ldap", "radius", "cert",
    "pam", "bsd", "oauth",
)  # fmt: skip
KEYWORDS = ("all", "sameuser", "samerole", "samegroup", "replication")
ADDRESS_WORDS = ("all", "samehost", "samenet")
Method = Literal[
    "trust", "reject", "scram-sha-256", "md5", "password", "gss", "sspi", "ident", "peer", "ldap", "radius", "cert",
    "pam", "bsd", "oauth",
]  # fmt: skip


HbaName = Annotated[str, checked(pg_hba.name)]
OptionName = Annotated[str, *shaped(*pg_hba.OPTION)]
OptionWord = Annotated[str, checked(pg_hba.quoted)] | SecretRef
OptionValue = OptionWord | tuple[OptionWord, ...]
"""The value of an option; where it holds a secret, a reference; a list for the options of several RADIUS servers."""

_LISTS = ("radiusservers", "radiussecrets", "radiusports", "radiusidentifiers")


class HbaRuleSpec(Model):
    """One rule: who may come to which database from where, and how they prove who they are."""

    type: Literal["local", "host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc"] = Field(
        description="local: the Unix socket; host: TCP with or without TLS; hostssl: TCP with TLS only"
    )
    database: tuple[HbaName, ...] = Field(
        min_length=1, description="names, or all, sameuser, samerole, replication"
    )
    user: tuple[HbaName, ...] = Field(min_length=1, description="names, +group, or all")
    address: Annotated[str, checked(pg_hba.address)] | None = Field(
        None, description="a network such as 10.0.0.0/8, a host name, samehost, samenet or all"
    )
    method: Method = Field(description="how they prove who they are")
    options: FrozenMap[OptionName, OptionValue] = Field(
        default_factory=FrozenMap,
        description="options of the method, such as map; a secret as {env: NAME}, {file: PATH} or {command: [...]}",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_name(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        return {k: [v] if k in ("database", "user") and isinstance(v, str) else v for k, v in data.items()}

    @model_validator(mode="after")
    def _address_fits(self) -> HbaRuleSpec:
        if (self.type == "local") != (self.address is None):
            needs = (
                "has no address" if self.type == "local" else "needs an address, such as 10.0.0.0/8 or all"
            )
            raise PydanticCustomError(
                "hba", "a rule of type {type} {needs}", {"type": self.type, "needs": needs}
            )
        return self

    @field_validator("options")
    @classmethod
    def _secrets_where_they_belong(cls, options: Mapping[str, OptionValue]) -> Mapping[str, OptionValue]:
        for key, value in options.items():
            words = value if isinstance(value, tuple) else (value,)
            if isinstance(value, tuple) and key not in _LISTS:
                text = "{key} takes one value; lists are for {lists}"
                raise PydanticCustomError("hba", text, {"key": key, "lists": ", ".join(_LISTS)})
            if key not in HBA_OPTIONS and any(isinstance(word, SecretRef) for word in words):
                text = "{key} holds no secret; write its value"
                raise PydanticCustomError("hba", text, {"key": key})
        return options

    @property
    def match(self) -> Match:
        return Match(self.type, self.database, self.user, _network(self.address) if self.address else None)

    def auth(self) -> Auth:
        """How they prove who they are, with its secrets.

        Raises:
            SecretError: a reference gives none.
        """
        options = {key: clear_option(value) for key, value in self.options.items()}
        return Auth(self.method, frozenset(map(_one_spelling, _as_shown(self.method, options))))


class Match(NamedTuple):
    """What a rule matches: its identity."""

    type: str
    database: tuple[str, ...]
    user: tuple[str, ...]
    address: str | None

    @property
    def text(self) -> str:
        words = [self.type, ",".join(map(name, self.database)), ",".join(map(name, self.user)), self.address]
        return " ".join(word for word in words if word)


class Auth(NamedTuple):
    """A method and its options as `key=value`. It holds secrets: only `text` is for people."""

    method: str
    options: frozenset[str]

    @property
    def text(self) -> str:
        return " ".join([self.method, *sorted(map(shown_pair, self.options))])


class HbaFact(NamedTuple):
    line: int
    type: str | None
    database: list[str] | None
    user: list[str] | None
    address: str | None
    netmask: str | None
    method: str | None
    options: list[str] | None
    error: str | None

    @property
    def match(self) -> Match:
        address = f"{self.address}/{self.netmask}" if self.address and self.netmask else self.address
        network = _network(address) if address else None
        return Match(self.type or "", tuple(self.database or ()), tuple(self.user or ()), network)

    def auth(self) -> Auth:
        return Auth(self.method or "", frozenset(map(_one_spelling, self.options or ())))


class HbaLoadedFact(NamedTuple):
    changed_since: bool
    file: str


HBA = Query("hba", HbaFact._make)
HBA_LOADED = Query("hba_loaded", HbaLoadedFact._make)
QUERIES = (HBA, HBA_LOADED)


# What the server takes for granted, and shows.
_IMPLIED = {
    "cert": {"clientcert": "verify-full"},
    "gss": {"include_realm": "1"},
    "sspi": {"include_realm": "1"},
    "ldap": {"ldapscope": "2"},
}
# Shown as true when 1, and not at all else; never shown.
_FLAGS = ("include_realm", "ldaptls")
_NOT_SHOWN = ("compat_realm", "upn_username")


def _as_shown(method: str, options: Mapping[str, str]) -> Iterator[str]:
    """Options as pg_hba_file_rules will show them."""
    for key, value in {**_IMPLIED.get(method, {}), **options}.items():
        if key not in (*_FLAGS, *_NOT_SHOWN):
            yield f"{key}={value}"
        elif key in _FLAGS and value == "1":
            yield f"{key}=true"


def clear_option(value: OptionValue) -> str:
    """The value as the server gets it; elements of a list are quoted as they need it.

    Raises:
        SecretError: a reference gives no secret.
    """
    if isinstance(value, tuple):
        return ",".join(_element(clear_option(word)) for word in value)
    return value.read().reveal() if isinstance(value, SecretRef) else value


def _element(text: str) -> str:
    return text if _PLAIN_ELEMENT.fullmatch(text) else '"' + text.replace('"', '""') + '"'


_PLAIN_ELEMENT = re.compile(r"[\w.:/+-]+")


def _one_spelling(pair: str) -> str:
    """Of `key=value`: elements of a list may be quoted or not, with blanks between them."""
    key, _, value = pair.partition("=")
    if key not in _LISTS:
        return pair
    try:
        return f"{key}={','.join(map(_element, split_paths(value)))}"
    except ValueProblem:
        return pair


def _network(address: str) -> str:
    """One spelling of a network: the server shows address and mask apart."""
    if address in ADDRESS_WORDS:
        return address
    try:
        return str(ip_network(address, strict=False))
    except ValueError:
        pass
    host, _, mask = address.partition("/")
    if ":" in host and mask:
        from ipaddress import IPv6Address

        return str(ip_network(f"{host}/{int(IPv6Address(mask)).bit_count()}", strict=False))
    return address


def rules(facts: Facts) -> tuple[HbaFact, ...]:
    """The rules of the file, without the lines by which pgdeploy itself comes into an embedded server."""
    own = facts.server.own_hba_lines if facts.server else 0
    return tuple(row for row in facts.rows(HBA) if row.line > own)


@dataclass(frozen=True, slots=True)
class Hba(Resource):
    """All rules: one file, one resource."""

    kind: ClassVar[str] = "hba"
    rules: tuple[HbaRuleSpec, ...]

    def checks(self) -> Iterator[Check]:
        for index, rule in enumerate(self.rules):
            address, keys = f"hba[{rule.match.text}]", ("hba", index)
            yield Check(self, address, "method", keys, partial(self._compare_rule, rule))
        yield Check(self, "hba[rules]", "order", ("hba",), self._compare_order)
        yield Check(self, "hba[rules]", "undeclared", ("hba",), self._compare_undeclared, "undeclared")
        yield Check(self, "hba[rules]", "loaded", ("hba",), self._compare_loaded)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        tls = check.address.startswith(("hba[hostssl ", "hba[hostgssenc "))
        if tls and facts.server is not None and facts.server.kind == "embedded":
            return "an embedded server has no TLS"
        return None

    def _applicable(self, facts: Facts) -> list[HbaRuleSpec]:
        embedded = facts.server is not None and facts.server.kind == "embedded"
        return [rule for rule in self.rules if not (embedded and rule.type in ("hostssl", "hostgssenc"))]

    def _compare_rule(self, rule: HbaRuleSpec, facts: Facts) -> Outcome:
        auth = rule.auth()
        # of two rules that match the same, the first wins
        found = next((row for row in facts.once(rules) if row.match == rule.match and not row.error), None)
        actual = found.auth().text if found else "no such rule"
        origin = f"{_file(facts)}:{found.line}" if found else _file(facts)
        return compared(found is not None and found.auth() == auth, auth.text, actual, origin, _stuck(facts))

    def _compare_order(self, facts: Facts) -> Outcome:
        declared = [rule.match for rule in self._applicable(facts)]
        actual = list(dict.fromkeys(row.match for row in facts.once(rules) if row.match in set(declared)))
        desired = [match for match in declared if match in set(actual)]
        return Outcome(actual == desired, _order(desired), _order(actual), _file(facts), stuck=_stuck(facts))

    def _compare_undeclared(self, facts: Facts) -> Outcome:
        declared = {rule.match for rule in self.rules}
        seen: set[Match] = set()
        extra = []
        for row in facts.once(rules):
            if not row.error and (row.match not in declared or row.match in seen):
                extra.append(f"{row.match.text} {row.method} (line {row.line})")
            seen.add(row.match)
        desired = "no rule beyond the spec"
        return Outcome(not extra, desired, listing(extra), _file(facts), stuck=_stuck(facts))

    def _compare_loaded(self, facts: Facts) -> Outcome:
        wrong = [f"line {row.line}: {scrub(row.error)}" for row in facts.once(rules) if row.error]
        changed = facts.rows(HBA_LOADED)[0].changed_since
        actual = (
            listing(wrong)
            if wrong
            else ("the file was changed since the server read it" if changed else "loaded")
        )
        # for a file that only waits, a reload is enough, and that is ours to ask for
        stuck = _stuck(facts) if wrong else ""
        return Outcome(not wrong and not changed, "loaded, without errors", actual, _file(facts), stuck=stuck)

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        causes = tuple(drift.check.id for drift in drifts if not drift.stuck)
        if not causes:
            return
        only_waits = all(drift.check.field == "loaded" for drift in drifts if not drift.stuck)
        waiting = only_waits and not any(row.error for row in facts.once(rules))
        text = None if waiting else _file_text(tuple(self._applicable(facts)))
        yield Change(Stage.HBA, (), causes, effect=Effect.RELOAD, hba=text)


def _stuck(facts: Facts) -> str:
    if facts.server is not None and facts.server.can_write_hba:
        return ""
    if facts.has_host:
        return "pyinfra_deploys/pg01.py writes pg_hba.conf from the spec, then reloads"
    return "pg_hba.conf is not ours to write over a database connection; edit it on the server, then reload"


def _file(facts: Facts) -> str:
    loaded = facts.rows(HBA_LOADED)
    return loaded[0].file if loaded else "pg_hba.conf"


def _order(matches: Iterable[Match]) -> str:
    return " | ".join(match.text for match in matches) or "none"


def render(rules: Iterable[HbaRuleSpec], *, reveal: bool) -> str:
    """The rules as pg_hba.conf has them; without `reveal` no secret is read, and masks stand for them.

    Raises:
        SecretError: a reference gives no secret.
    """
    return "".join(_line(rule, reveal=reveal) + "\n" for rule in rules)


def _file_text(rules: tuple[HbaRuleSpec, ...]) -> HiddenText:
    return HiddenText(render(rules, reveal=False), lambda: render(rules, reveal=True))


def _line(rule: HbaRuleSpec, *, reveal: bool) -> str:
    words = [rule.type, pg_hba.names(rule.database, KEYWORDS), pg_hba.names(rule.user, ("all",))]
    words += [pg_hba.address(rule.match.address)] if rule.match.address is not None else []
    options = [
        pg_hba.option(key, clear_option(value) if reveal else _masked(key, value))
        for key, value in rule.options.items()
    ]
    return " ".join([*words, rule.method, *options])


def _masked(key: str, value: OptionValue) -> str:
    """Offline: nothing is read."""
    return MASK if key in HBA_OPTIONS else shown_option(key, clear_option(value))


def resources(spec: Spec) -> Iterator[Resource]:
    if spec.hba is not None:
        yield Hba(spec.hba)
