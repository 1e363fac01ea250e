"""`hba:` and `ident:`: the lines of pg_hba.conf and pg_ident.conf, in order."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.layers.server import ident
from pgdeploy.layers.server.hbainclude import Entry, entries
from pgdeploy.model.hbarule import LISTS
from pgdeploy.postgres.hba_text import INCLUDES
from pgdeploy.postgres.wordlist import split_paths
from pgdeploy.secret.place import HBA_OPTIONS
from pgdeploy.spec.writing import Written

if TYPE_CHECKING:
    from pgdeploy.core.capture import Secrets
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.server.hbafile import HbaRule


def captured_rules(facts: Facts, secrets: Secrets) -> list[Written]:
    """The rules, and the lines that read other files.

    Raises:
        Unreadable: the file cannot be read.
    """
    return [_line(entry, secrets) for entry in facts.once(entries) if entry.by is None]


def _line(entry: Entry, secrets: Secrets) -> Written:
    match = entry.match
    if entry.rule is None and match.type in INCLUDES:
        return {match.type: match.address}
    line: dict[str, Written] = {
        "type": match.type,
        "database": _one(match.database),
        "user": _one(match.user),
    }
    if match.address is not None:
        line["address"] = match.address
    if entry.rule is not None:
        line["method"] = entry.rule.auth.method
        if options := dict(_options(entry.rule, secrets)):
            line["options"] = options
    return line


def _one(words: tuple[str, ...]) -> Written:
    return words[0] if len(words) == 1 else list(words)


def _options(rule: HbaRule, secrets: Secrets) -> Iterator[tuple[str, Written]]:
    for pair in rule.auth.written:
        option, _, value = pair.partition("=")
        if option in HBA_OPTIONS:
            yield option, secrets.reference(option, f"{option} of pg_hba.conf, line {rule.line}")
        elif option in LISTS:
            yield option, _one(split_paths(value))
        else:
            yield option, value


def captured_maps(facts: Facts) -> list[Written]:
    """The lines of the user name maps.

    Raises:
        Unreadable: the file cannot be read.
    """
    found = [line.mapping for line in facts.once(ident.mappings) if not line.error]
    return [{"map": one.map, "system": one.system, "role": one.role} for one in dict.fromkeys(found)]
