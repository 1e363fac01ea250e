"""A spec brought up to date with its server: what still holds stays as it is written.

What drifts, and nothing else, is taken from a fresh capture. What was never written stays unwritten, unless a check
that names what is undeclared is red.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.lifecycle.statements import Statement, Statements, statements
from pgdeploy.spec.writing import Noted, Remark, Written, plain

if TYPE_CHECKING:
    from pgdeploy.core.check import Check, Finding
    from pgdeploy.core.facts import Facts
    from pgdeploy.gate.target import Target
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys

Tree: TypeAlias = Mapping[str | Remark, Written]

_NAMED = (
    "roles",
    "databases",
    "tablespaces",
    "schemas",
    "extensions",
    "publications",
    "event_triggers",
    "foreign_servers",
    "settings",
    "settings_in",
)
"""Mappings whose keys are names: where something is undeclared, its name is missing."""

SECTIONS = (
    "settings",
    "hba",
    "ident",
    "roles",
    "tablespaces",
    "databases",
    "schemas",
    "extensions",
    "ownership",
    "grants",
    "default_privileges",
    "row_security",
    "publications",
    "event_triggers",
    "foreign_servers",
)
"""What `--only` can name: sections of a spec, and of its databases."""

_LINES = ("grants", "default_privileges", "ownership")
"""Lists whose lines say something each, in any order."""

_WORD = {
    "grant": "grants",
    "default_privilege": "default_privileges",
    "ownership": "ownership",
    "membership": "member_of",
}
"""Where a kind's undeclared things are to be declared, below what its check points at."""


def section_of(keys: Keys) -> str:
    """The word of `--only` for a part of a spec: a section, or a section within a database."""
    if keys[:1] == ("databases",) and len(keys) > 2:
        return str(keys[2])
    return str(keys[0]) if keys else ""


def chosen(content: Tree, only: Collection[str], always: Tree) -> Tree:
    """The sections of a captured spec that are asked for, with its version and what is `always` there."""
    if not only:
        return content
    made: dict[str | Remark, Written] = {}
    for key, value in content.items():
        if key == "postgres" or key in always or key in only:
            made[key] = value
        elif key == "databases" and isinstance(value, Mapping):
            bodies = {name: _chosen_in(body, only) for name, body in value.items()}
            made |= {key: kept} if (kept := {name: body for name, body in bodies.items() if body}) else {}
    return made


def _chosen_in(body: Written, only: Collection[str]) -> Written:
    inner = body.value if isinstance(body, Noted) else body
    return {key: value for key, value in inner.items() if key in only} if isinstance(inner, Mapping) else {}


def stale(target: Target, facts: Facts, findings: Iterable[Finding]) -> list[Keys]:
    """The parts of a spec that do not match the server, and those that lack a name of the server.

    What is blocked is asked again: of a role that is gone its privileges are gone, too.
    """
    asked = (
        evaluate(finding.check, facts, parents=False) if finding.verdict is Verdict.BLOCKED else finding
        for finding in findings
    )
    drifts = (finding.check for finding in asked if finding.verdict is Verdict.DRIFTS)
    parts = (keys for check in drifts for keys in _parts(check, target.spec))
    return list(dict.fromkeys((*parts, *_open(target.spec))))


def _parts(check: Check, spec: Spec) -> Iterator[Keys]:
    yield place(check)
    if check.field == "undeclared_settings" and check.resource.kind == "role":
        inside = (*check.keys, "settings_in")
        yield inside
        yield from ((*inside, database) for database in spec.roles[str(check.keys[1])].settings_in)


def _open(spec: Spec) -> Iterator[Keys]:
    """The sections that take in what is new on the server."""
    if spec.undeclared.roles != "ignore":
        yield ("roles",)
    yield ("tablespaces",)
    for name in spec.databases:
        yield from (("databases", name, section) for section in ("schemas", "extensions"))
    if spec.undeclared.databases != "ignore":
        yield ("databases",)


def place(check: Check) -> Keys:
    """The part of a spec that a check holds; where it names what is undeclared, the part that lacks it."""
    keys, kind = check.keys, check.resource.kind
    if check.field == "undeclared_settings":
        return (*keys, "settings")
    if check.field != "undeclared":
        return keys
    keys = keys[1:] if keys[:1] == ("undeclared",) else keys
    word = _WORD.get(kind)
    return keys if word is None or keys[-1:] == (word,) else (*keys, word)


def brought_up(target: Target, captured: Target, content: Tree, parts: Sequence[Keys]) -> Tree:
    """All that the files of a target say, with the stale parts as they were captured."""
    held = _Held(target, captured)
    return held.mapping(target.loaded.data, content, parts, ())


class _Held:
    """What both specs say, statement by statement."""

    def __init__(self, target: Target, captured: Target) -> None:
        self._target = target
        self._open = {*_open(target.spec)}
        self._before = statements(target.spec)
        self._after = statements(captured.spec)

    def mapping(self, old: Mapping[str, Any], new: Tree, parts: Sequence[Keys], keys: Keys) -> Tree:
        if () in parts and old.get("state") == "absent":
            return new
        made: dict[str | Remark, Written] = {}
        for key, value in old.items():
            below = _below(parts, key)
            if not below:
                made[key] = value
            elif key in new:
                made[key] = self._value(value, new[key], below, (*keys, key))
            elif all((*keys, key, *part) in self._open for part in below):
                made[key] = value  # the capture says nothing of it, as of a database that lets nobody in
        return made | {
            word: written
            for word, written in new.items()
            if isinstance(word, str)
            and word not in old
            and (_below(parts, word) or (() in parts and _is_missing(keys, written)))
        }

    def _value(self, old: Any, new: Written, parts: Sequence[Keys], keys: Keys) -> Written:
        inner = new.value if isinstance(new, Noted) else new
        if isinstance(old, dict) and isinstance(inner, Mapping):
            return self.mapping(old, inner, parts, keys)
        if isinstance(old, list) and isinstance(inner, (list, tuple)) and keys[-1] in _LINES:
            return list(self._lines(old, inner, parts, keys))
        return new

    def _lines(
        self, old: Sequence[Any], new: Sequence[Written], parts: Sequence[Keys], keys: Keys
    ) -> Iterator[Written]:
        """The lines that hold, and where others stood those captured ones that say something which no line says."""
        lines = [line for line in new if not isinstance(line, Remark)]
        before, after = _by_line(self._before, keys), _by_line(self._after, keys)
        stays = {at for at in range(len(old)) if not _below(parts, at)}
        said = {one[:2] for at in stays for one in before[at]}
        added = {at: fresh for at, some in after.items() if (fresh := _news(some, said))}
        replaced = {one[:2] for some in added.values() for one in some}
        for at, line in enumerate(old):
            mine = {one[:2] for one in before[at]}
            if at in stays and (not mine or not mine <= replaced or self._is_of_a_base((*keys, at))):
                yield line
                continue
            about = {statement for statement, _ in mine}
            here = [number for number, some in added.items() if about & {one[0] for one in some}]
            yield from (_narrowed(lines[number], added.pop(number)) for number in here)
        yield from (_narrowed(lines[number], some) for number, some in added.items())

    def _is_of_a_base(self, keys: Keys) -> bool:
        return self._target.place_of(keys).file != str(self._target.file)


_Line: TypeAlias = set[tuple[Statement, str, str]]
"""What one line says: of what, what, and to whom."""


def _by_line(said: Statements, keys: Keys) -> Mapping[int, _Line]:
    lines: dict[int, _Line] = defaultdict(set)
    for statement, one in said.items():
        if one.keys[: len(keys)] == keys and len(one.keys) > len(keys):
            lines[int(one.keys[len(keys)])].add((statement, one.value, one.who))
    return lines


def _news(line: _Line, said: set[tuple[Statement, str]]) -> _Line:
    """All that a line says of those of whom it says something new."""
    whom = {who for statement, value, who in line if (statement, value) not in said}
    return {one for one in line if one[2] in whom}


def _narrowed(line: Written, says: _Line) -> Written:
    """A line for some of its roles alone."""
    whom, body = {who for _, _, who in says}, line.value if isinstance(line, Noted) else line
    if not isinstance(body, Mapping):
        return line
    made = {
        key: [role for role in value if role in whom]
        if key in ("to", "from") and isinstance(value, list)
        else value
        for key, value in body.items()
    }
    return line if made == body else made


def _below(parts: Sequence[Keys], key: str | int) -> list[Keys]:
    return [part[1:] for part in parts if part and part[0] == key]


def _is_missing(keys: Keys, value: Written) -> bool:
    """Whether what stands nowhere in a stale part belongs there: a name in a section, an attribute of a thing."""
    if keys == ("settings",):
        return False  # a server has more settings than its spec speaks of
    is_of_names = bool(keys) and (keys[-1] in _NAMED or keys[-2:-1] == ("settings_in",))
    return is_of_names or not isinstance(plain(value), (dict, list))
