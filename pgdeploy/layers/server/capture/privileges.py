"""`grants:`: what was given beyond what everything has by itself, in as few lines as say the same."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import SYSTEM, Entry, ObjectKey, table_of
from pgdeploy.layers.server.capture.value import privilege_words
from pgdeploy.model.object import ALONE, PLURAL
from pgdeploy.model.routine import KINDS as ROUTINES
from pgdeploy.postgres.privilege import PRIVILEGES, privileges
from pgdeploy.postgres.signature import split_arguments
from pgdeploy.spec.writing import Noted, Written

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts

PUBLIC = "PUBLIC"
_PUBLIC_SCHEMA = ObjectKey("schema", None, "public")
_KINDS = ("database", "tablespace", "parameter", "schema", *PLURAL, "column", *ALONE)
"""Kinds in the order in which lines about them stand."""


class Privilege(NamedTuple):
    """One privilege of one grantee: given, given with grant option, or taken away from what is built in."""

    word: str
    role: str
    how: str


GIVEN, PASSED_ON, TAKEN = "given", "passed on", "taken"

Found = dict[ObjectKey, set[Privilege]]
Overloads = Mapping[tuple[str, "str | None", str], int]
"""How many routines have the same name, by kind, schema and name."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one line of `grants:` says, of one object or of all of a kind in a schema."""

    key: ObjectKey
    all: bool
    roles: tuple[str, ...]
    words: frozenset[str]
    how: str
    columns: tuple[str, ...] = ()


def captured(facts: Facts, database: str) -> list[Written]:
    """The lines about what is in a database."""
    found = _found(facts, database, facts.once(acl.acls, database))
    lines = [*_of_all(found, facts, database), *_of_each(found)]
    return _texts(lines, facts, overloads(facts, database))


def captured_shared(facts: Facts, keys: Iterable[ObjectKey]) -> list[Written]:
    """The lines about these objects, which all databases share."""
    return _texts(_of_each(_found(facts, None, keys)), facts, {})


def _texts(lines: Iterable[Line], facts: Facts, counts: Overloads) -> list[Written]:
    return [_written(line, facts.about.major, counts) for line in sorted(lines, key=_order)]


# -- what is there -------------------------------------------------------------------------------------


def _found(facts: Facts, database: str | None, keys: Iterable[ObjectKey]) -> Found:
    known, owners = facts.once(acl.acls, database), facts.once(acl.owners, database)
    found: Found = {}
    for key in keys:
        if key.kind in _KINDS and (
            there := set(_of(key, known[key], owners.get(table_of(key), ""), facts, database))
        ):
            found[key] = there
    return found


def _of(
    key: ObjectKey, entries: Mapping[str, Sequence[Entry]], owner: str, facts: Facts, database: str | None
) -> Iterator[Privilege]:
    for role in {*entries, PUBLIC, *([owner] if key.kind != "column" else [])}:
        given = frozenset(word for entry in entries.get(role, ()) for word in entry.privileges)
        option = frozenset(word for entry in entries.get(role, ()) for word in entry.grantable)
        usual = _usual(key, role, facts, database)
        if role == owner and key.kind != "column":
            usual = privileges(key.kind, facts.about.major)
        yield from (Privilege(word, role, PASSED_ON) for word in option)
        yield from (Privilege(word, role, GIVEN) for word in given - usual - option)
        if _is_whole(key):
            yield from (Privilege(word, role, TAKEN) for word in usual - given)


def _usual(key: ObjectKey, role: str, facts: Facts, database: str | None) -> frozenset[str]:
    """What a role has without anybody's doing; on the schema public also where somebody took all of it."""
    built_in = acl.builtin(facts, database, key, role)
    if key == _PUBLIC_SCHEMA and role == PUBLIC:
        return built_in | (
            frozenset({"USAGE"}) if facts.about.major >= 15 else frozenset({"USAGE", "CREATE"})
        )
    return built_in


def _is_whole(key: ObjectKey) -> bool:
    """Of the system's own objects only what their ACLs hold beyond the first ones was read."""
    return key.schema not in SYSTEM and not (key.kind == "schema" and key.name in SYSTEM)


# -- lines about all of a kind -------------------------------------------------------------------------


def _of_all(found: Found, facts: Facts, database: str) -> Iterator[Line]:
    """What holds for all objects of a kind in a schema; it is taken out of what was found."""
    held = facts.once(acl.acls, database)
    for (kind, schema), keys in facts.once(acl.in_schema, database).items():
        if kind not in PLURAL or schema in SYSTEM or len(keys) < 2:
            continue
        counts: dict[Privilege, int] = defaultdict(int)
        for key in keys:
            for one in found.get(key, ()):
                counts[one] += 1
        common = {one for one, number in counts.items() if number > 1 and _holds_everywhere(one, keys, held)}
        for key in keys:
            if key in found:
                found[key] -= common
        yield from _merged(ObjectKey(kind, schema, ""), common, all=True)


def _holds_everywhere(
    one: Privilege, keys: Iterable[ObjectKey], held: Mapping[ObjectKey, Mapping[str, Sequence[Entry]]]
) -> bool:
    """Whether a line about all would say something true of each: an owner has it anyway."""
    for key in keys:
        entries = held[key].get(one.role, ())
        has = any(
            one.word in (entry.grantable if one.how == PASSED_ON else entry.privileges) for entry in entries
        )
        if has is (one.how == TAKEN):
            return False
    return True


# -- lines about one object ----------------------------------------------------------------------------


def _of_each(found: Found) -> Iterator[Line]:
    columns: dict[tuple[ObjectKey, frozenset[Privilege]], list[str]] = defaultdict(list)
    for key, there in found.items():
        if key.kind == "column":
            columns[key._replace(sub=None), frozenset(there)].append(key.sub or "")
        else:
            yield from _merged(key, there, all=False)
    for (key, same), names in columns.items():
        yield from _merged(key, same, all=False, columns=tuple(sorted(names)))


def _merged(
    key: ObjectKey, there: Iterable[Privilege], *, all: bool, columns: tuple[str, ...] = ()
) -> Iterator[Line]:
    """Roles that have the same share a line."""
    words: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in there:
        words[one.role, one.how].add(one.word)
    roles: dict[tuple[frozenset[str], str], list[str]] = defaultdict(list)
    for (role, how), some in words.items():
        roles[frozenset(some), how].append(role)
    for (some_words, how), some_roles in roles.items():
        yield Line(key, all, tuple(sorted(some_roles)), some_words, how, columns)


# -- as text -------------------------------------------------------------------------------------------


def _order(line: Line) -> tuple[object, ...]:
    key = line.key
    where = (_KINDS.index(key.kind), key.schema or "", not line.all, key.name, key.sub or "", line.columns)
    words = sorted(PRIVILEGES[key.kind].index(word) for word in line.words)
    return (*where, (GIVEN, PASSED_ON, TAKEN).index(line.how), words, line.roles)


def _written(line: Line, major: int, overloads: Overloads) -> Written:
    words, on = privilege_words(line.words, line.key.kind, major), _on(line, overloads)
    if line.how == TAKEN:
        return {"revoke": words, "on": on, "from": list(line.roles)}
    said: dict[str, Written] = {"grant": words, "on": on, "to": list(line.roles)}
    if line.how == PASSED_ON:
        said["grant_option"] = True
    return Noted(said, "everybody who can connect") if PUBLIC in line.roles else said


def _on(line: Line, overloads: Overloads) -> Written:
    key = line.key
    if key.kind == "database":
        return "database"
    if line.all:
        return {"schema": key.schema, "all": PLURAL[key.kind]}
    if line.columns:
        return {"schema": key.schema, "table": key.name, "columns": list(line.columns)}
    return on(key, overloads.get(key[:3], 1))


def on(key: ObjectKey, overloads: int = 1) -> Mapping[str, Written]:
    """One object as `on:` names it; a routine with its arguments where its name alone says too little."""
    if key.schema is None:
        return {key.kind: key.name}
    said: dict[str, Written] = {"schema": key.schema, key.kind: key.name}
    if key.kind in ROUTINES and (overloads > 1 or key.schema in SYSTEM):
        said["arguments"] = split_arguments(key.sub or "") if key.sub else []
    return said


def overloads(facts: Facts, database: str) -> Overloads:
    """How many routines have the same name, by kind, schema and name."""
    counts: dict[tuple[str, str | None, str], int] = defaultdict(int)
    for key in facts.once(acl.acls, database):
        if key.kind in ROUTINES:
            counts[key[:3]] += 1
    return counts
