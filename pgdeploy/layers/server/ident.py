"""User name maps: `ident:` in the spec, pg_ident.conf on the server.

A rule of pg_hba.conf with `map=` asks them which role a user of the system may be. The scope is exact, as of
pg_hba.conf: a line beyond the spec is drift. What is compared is what the server reads in the file
(pg_ident_file_mappings), and whether it has loaded it. Over a database connection the lines are read only; an embedded
server's file is ours to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.core.remedy import Remedy
from pgdeploy.core.step import Effect
from pgdeploy.layers.server import authfile, identfile
from pgdeploy.layers.server.change import Change, Stage
from pgdeploy.layers.server.identfile import IDENT_CONF, IdentLine
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.model.ident import IdentLineSpec, Mapped
from pgdeploy.postgres import pg_hba, pg_ident
from pgdeploy.secret.place import scrub
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


def refused(line: IdentLineSpec, major: int) -> Iterator[tuple[str, str]]:
    """What PostgreSQL would take for something else than it says, or fail at when somebody logs in: key and message."""
    inner = pg_hba.named(line.role)
    if major < pg_ident.WORDS_OF_ROLES and inner is None and pg_ident.means_more(line.role):
        message = (
            "all, +group and /regex need PostgreSQL 16; this spec says {major}, where it would be the role of that "
            "very name, which is written in double quotes: '\"{role}\"'"
        )
        yield "role", message.format(major=major, role=line.role)
    if major >= pg_ident.WORDS_OF_ROLES and inner is not None and pg_ident.is_regex(inner):
        yield "role", "PostgreSQL takes what begins with / for a regular expression, in quotes, too"
    if r"\1" in line.role and not (inner is None and pg_ident.means_more(line.role)):
        if not pg_ident.is_regex(line.system):
            yield "role", r"\1 stands for what a /regex of `system:` matches, and that one is no /regex"
        elif not _PARENTHESIS.search(_ESCAPED.sub("", line.system)):
            yield (
                "role",
                r"\1 stands for what parentheses in the /regex of `system:` match, and that one has none",
            )


_ESCAPED, _PARENTHESIS = re.compile(r"\\."), re.compile(r"\((?!\?)")

QUERIES = identfile.QUERIES


def mappings(facts: Facts) -> tuple[IdentLine, ...]:
    """The server's lines, without those by which pgdeploy itself comes into an embedded server."""
    own, file = facts.server.own_ident_lines if facts.server else 0, _file(facts)
    return tuple(line for line in facts.once(identfile.mappings) if line.line > own or line.file != file)


def _known(facts: Facts) -> Mapping[Mapped, IdentLine]:
    """In the order of the file; of a line that stands twice the second changes nothing."""
    found: dict[Mapped, IdentLine] = {}
    for line in facts.once(mappings):
        if not line.error:
            found.setdefault(line.mapping, line)
    return found


@dataclass(frozen=True, slots=True)
class Ident(ServerResource):
    """All lines: one file, one resource."""

    kind: ClassVar[str] = "ident"
    lines: tuple[IdentLineSpec, ...]

    def checks(self) -> Iterator[Check]:
        for index, line in enumerate(self.lines):
            compare = partial(self._compare_line, line.mapping)
            yield Check(self, address(line), "mapped", ("ident", index), compare)
        yield Check(self, "ident[rules]", "order", ("ident",), self._compare_order)
        yield Check(self, "ident[rules]", "undeclared", ("ident",), self._compare_undeclared, "undeclared")
        yield Check(self, "ident[rules]", "loaded", ("ident",), self._compare_loaded)

    # -- compare -----------------------------------------------------------------------------------

    def _compare_line(self, mapping: Mapped, facts: Facts) -> Outcome:
        found = facts.once(_known).get(mapping)
        place = found.place if found else _file(facts)
        return Outcome(
            found is not None, "mapped", "mapped" if found else "no such line", place, remedy=_remedy(facts)
        )

    def _compare_order(self, facts: Facts) -> Outcome:
        known, declared = facts.once(_known), [line.mapping for line in self.lines]
        desired = _by_map(mapping for mapping in declared if mapping in known)
        actual = _by_map(mapping for mapping in known if mapping in set(declared))
        # of maps that are all right nothing need be said
        wrong = sorted(one for one in desired if _has_order(desired[one]) and desired[one] != actual[one])
        shown = wrong or sorted(desired)
        return Outcome(
            not wrong, _order(desired, shown), _order(actual, shown), _file(facts), remedy=_remedy(facts)
        )

    def _compare_undeclared(self, facts: Facts) -> Outcome:
        declared = {line.mapping for line in self.lines}
        extra = [
            f"{mapping.text} ({_line_of(line, facts)})"
            for mapping, line in facts.once(_known).items()
            if mapping not in declared
        ]
        return Outcome(
            not extra, "no line beyond the spec", listing(extra), _file(facts), remedy=_remedy(facts)
        )

    def _compare_loaded(self, facts: Facts) -> Outcome:
        wrong = [
            f"{_line_of(line, facts)}: {scrub(line.error)}" for line in facts.once(mappings) if line.error
        ]
        return authfile.compare_loaded(facts, IDENT_CONF, wrong, _remedy(facts))

    # -- changes -----------------------------------------------------------------------------------

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        ours = [drift for drift in drifts if not drift.remedy]
        if not ours:
            return
        only_waits = all(drift.check.field == "loaded" for drift in ours)
        waiting = only_waits and not any(line.error for line in facts.once(mappings))
        text = None if waiting else render(self.lines)
        notes = () if waiting else authfile.taken_out(facts, IDENT_CONF)
        causes = tuple(drift.check.id for drift in ours)
        yield Change(Stage.HBA, (), causes, effect=Effect.RELOAD, ident=text, notes=notes)


def address(line: IdentLineSpec) -> str:
    """What checks and advice call a line."""
    return f"ident[{line.mapping.text}]"


def _file(facts: Facts) -> str:
    return authfile.main_file(facts, IDENT_CONF)


def _remedy(facts: Facts) -> Remedy:
    return authfile.remedy(facts, IDENT_CONF)


def _line_of(line: IdentLine, facts: Facts) -> str:
    return f"line {line.line}" if line.file == _file(facts) else line.place


def _by_map(lines: Iterable[Mapped]) -> Mapping[str, list[Mapped]]:
    """The server looks at the lines of one map, so the order of maps means nothing."""
    found: dict[str, list[Mapped]] = {}
    for line in lines:
        found.setdefault(line.map, []).append(line)
    return found


def _has_order(lines: Sequence[Mapped]) -> bool:
    r"""Whether the order means anything: the server tries each line, but stops at a `\1` that stands for nothing."""
    return any(r"\1" in line.role for line in lines)


def _order(lines: Mapping[str, list[Mapped]], maps: Iterable[str]) -> str:
    return " | ".join(mapping.text for one in maps for mapping in lines[one]) or "none"


def render(lines: Iterable[IdentLineSpec]) -> str:
    """The lines as pg_ident.conf has them."""
    return "".join(f"{pg_ident.line(*line.mapping)}\n" for line in lines)


def wanted(left: Iterable[Finding]) -> str:
    """The whole file that the spec asks for, where something of it is not ours to write; else nothing."""
    found = next(
        (finding.check.resource for finding in left if finding.check.resource.kind == Ident.kind), None
    )
    return render(found.lines) if isinstance(found, Ident) else ""


def resources(spec: Spec) -> Iterator[ServerResource]:
    if spec.ident is not None:
        yield Ident(spec.ident)
