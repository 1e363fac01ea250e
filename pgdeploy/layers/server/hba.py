"""Host-based authentication: `hba:` in the spec, pg_hba.conf on the server.

The first rule that matches wins, so order is meaning, and the scope is exact: a rule beyond the spec is drift.
What is compared is what the server read from the file (pg_hba_file_rules), and whether it has loaded it.
Over a database connection the rules are read only; an embedded server's file is ours to write.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.core.remedy import Remedy
from pgdeploy.core.step import Effect
from pgdeploy.layers.server import authfile, hbafile
from pgdeploy.layers.server.change import Change, HiddenText, Stage
from pgdeploy.layers.server.hbafile import HBA_CONF, HbaRule, beyond_own
from pgdeploy.layers.server.hbainclude import Entry, broken_by, entries
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.settingvalue import compared
from pgdeploy.model.hba import HbaEntrySpec, HbaIncludeSpec, HbaRuleSpec, OptionValue, clear_option
from pgdeploy.model.hbarule import KEYWORDS, USER_KEYWORDS, Identity, Match, addresses, numbered
from pgdeploy.postgres import pg_hba
from pgdeploy.secret.place import HBA_OPTIONS, scrub, shown_option
from pgdeploy.secret.reference import MASK
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

QUERIES = hbafile.QUERIES


def _found(facts: Facts, ours: Sequence[Match]) -> Mapping[Identity, Entry]:
    """What the server has, in its order, but for what the lines of the spec bring, which is not ours.

    An entry that matches the same as an earlier one has a number of its own.
    """
    found = [entry for entry in facts.once(entries) if entry.by not in ours]
    return dict(zip(numbered(entry.match for entry in found), found, strict=True))


@dataclass(frozen=True, slots=True)
class Hba(ServerResource):
    """All rules: one file, one resource."""

    kind: ClassVar[str] = "hba"
    entries: tuple[HbaEntrySpec, ...]

    def checks(self) -> Iterator[Check]:
        matches = [entry.match for entry in self.entries]
        named = zip(self.entries, addresses(matches), numbered(matches), strict=True)
        for index, (entry, address, identity) in enumerate(named):
            keys: Keys = ("hba", index)
            if isinstance(entry, HbaIncludeSpec):
                yield Check(self, address, "included", keys, partial(self._compare_include, index))
            else:
                yield Check(self, address, "method", keys, partial(self._compare_rule, entry, identity))
        yield Check(self, "hba[rules]", "order", ("hba",), self._compare_order)
        yield Check(self, "hba[rules]", "undeclared", ("hba",), self._compare_undeclared, "undeclared")
        yield Check(self, "hba[rules]", "loaded", ("hba",), self._compare_loaded)

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        tls = check.address.startswith(("hba[hostssl ", "hba[hostgssenc "))
        if tls and facts.server is not None and facts.server.kind == "embedded":
            return "an embedded server has no TLS"
        return None

    def _applicable(self, facts: Facts) -> list[HbaEntrySpec]:
        embedded = facts.server is not None and facts.server.kind == "embedded"
        encrypted = ("hostssl", "hostgssenc") if embedded else ()
        return [entry for entry in self.entries if entry.match.type not in encrypted]

    # -- compare -----------------------------------------------------------------------------------

    def _found(self, facts: Facts) -> Mapping[Identity, Entry]:
        return facts.once(_found, self._includes(facts))

    def _includes(self, facts: Facts) -> tuple[Match, ...]:
        """The spec's lines that read other files, as this server has them."""
        includes = [entry for entry in self.entries if isinstance(entry, HbaIncludeSpec)]
        return tuple(self._matches(facts, includes))

    def _matches(self, facts: Facts, of: Iterable[HbaEntrySpec]) -> list[Match]:
        """What identifies each on this server: paths are relative to the folder of its pg_hba.conf."""
        folder = posixpath.dirname(_file(facts))
        return [entry.match_at(folder) if isinstance(entry, HbaIncludeSpec) else entry.match for entry in of]

    def _compare_rule(self, rule: HbaRuleSpec, identity: Identity, facts: Facts) -> Outcome:
        auth = rule.auth()
        found = self._found(facts).get(identity)
        if found is None or found.rule is None:
            return Outcome(False, auth.text, "no such rule", _file(facts), remedy=self._remedy(facts))
        actual = found.rule.auth
        conforms = actual.meaning(rule.type) == auth.meaning(rule.type)
        return compared(conforms, auth.text, actual.text, found.place, self._remedy(facts))

    def _compare_include(self, index: int, facts: Facts) -> Outcome:
        identity = list(numbered(self._matches(facts, self.entries)))[index]
        found = self._found(facts).get(identity)
        actual, place = ("no such line", _file(facts)) if found is None else ("included", found.place)
        return Outcome(found is not None, "included", actual, place, remedy=self._remedy(facts))

    def _compare_order(self, facts: Facts) -> Outcome:
        known = self._found(facts)
        applicable = self._applicable(facts)
        named = zip(numbered(self._matches(facts, applicable)), applicable, strict=True)
        words = {identity: entry.match for identity, entry in named if identity in known}
        declared, actual = list(words.values()), [words[identity] for identity in known if identity in words]
        return Outcome(
            actual == declared,
            _order(declared),
            _order(actual),
            _file(facts),
            remedy=self._remedy(facts),
        )

    def _compare_undeclared(self, facts: Facts) -> Outcome:
        declared = set(numbered(self._matches(facts, self.entries)))
        extra = [
            f"{entry.match.text} {entry.rule.auth.method} ({_line_of(entry.rule, facts)})"
            for identity, entry in self._found(facts).items()
            if entry.rule is not None and identity not in declared
        ]
        return Outcome(
            not extra,
            "no rule beyond the spec",
            listing(extra),
            _file(facts),
            remedy=self._remedy(facts),
        )

    def _compare_loaded(self, facts: Facts) -> Outcome:
        broken = _broken(facts)
        wrong = [f"{_line_of(rule, facts)}: {scrub(rule.error)}" for rule in broken]
        theirs = broken_by(facts, broken, self._includes(facts))
        return authfile.compare_loaded(facts, HBA_CONF, wrong, theirs or self._remedy(facts))

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        causes = tuple(drift.check.id for drift in drifts if not drift.remedy)
        if not causes:
            return
        only_waits = all(drift.check.field == "loaded" for drift in drifts if not drift.remedy)
        waiting = only_waits and not _broken(facts)
        text = None if waiting else _file_text(tuple(self._applicable(facts)))
        notes = () if waiting else authfile.taken_out(facts, HBA_CONF, self._kept(facts))
        yield Change(Stage.HBA, (), causes, effect=Effect.RELOAD, hba=text, notes=notes)

    def _kept(self, facts: Facts) -> set[tuple[str, str]]:
        return {(match.type, match.address or "") for match in self._includes(facts)}

    def _remedy(self, facts: Facts) -> Remedy:
        return authfile.remedy(facts, HBA_CONF, self._kept(facts))


def _broken(facts: Facts) -> list[HbaRule]:
    return [rule for rule in facts.once(beyond_own) if rule.error]


def _file(facts: Facts) -> str:
    return authfile.main_file(facts, HBA_CONF)


def _line_of(rule: HbaRule, facts: Facts) -> str:
    return f"line {rule.line}" if rule.file == _file(facts) else f"{rule.place}"


def _order(matches: Iterable[Match]) -> str:
    return " | ".join(match.text for match in matches) or "none"


def render(entries: Iterable[HbaEntrySpec], *, reveal: bool) -> str:
    """The section as pg_hba.conf has it; without `reveal` no secret is read, and masks stand for them.

    Raises:
        SecretError: a reference gives no secret.
    """
    return "".join(_line(entry, reveal=reveal) + "\n" for entry in entries)


def _file_text(entries: tuple[HbaEntrySpec, ...]) -> HiddenText:
    return HiddenText(render(entries, reveal=False), lambda: render(entries, reveal=True))


def _line(entry: HbaEntrySpec, *, reveal: bool) -> str:
    if isinstance(entry, HbaIncludeSpec):
        return f"{entry.match.type} {pg_hba.quoted(entry.match.address or '')}"
    return _rule_line(entry, reveal=reveal)


def _rule_line(rule: HbaRuleSpec, *, reveal: bool) -> str:
    words = [rule.type, pg_hba.names(rule.database, KEYWORDS), pg_hba.names(rule.user, USER_KEYWORDS)]
    words += [pg_hba.address(rule.match.address)] if rule.match.address is not None else []
    options = [
        pg_hba.option(key, clear_option(value) if reveal else _masked(key, value))
        for key, value in rule.options.items()
    ]
    return " ".join([*words, rule.method, *options])


def _masked(key: str, value: OptionValue) -> str:
    """Offline: nothing is read."""
    return MASK if key in HBA_OPTIONS else shown_option(key, clear_option(value))


def wanted(left: Iterable[Finding], facts: Facts) -> str:
    """The whole file that the spec asks for, masked, where something of it is not ours to write; else nothing."""
    found = next(
        (finding.check.resource for finding in left if finding.check.resource.kind == Hba.kind), None
    )
    return _file_text(tuple(found._applicable(facts))).shown if isinstance(found, Hba) else ""


def resources(spec: Spec) -> Iterator[ServerResource]:
    if spec.hba is not None:
        yield Hba(spec.hba)
