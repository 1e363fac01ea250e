"""`from_template:` of a database, where its template says a part of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from pgdeploy.spec.writing import Noted, Remark, Written

if TYPE_CHECKING:
    from pgdeploy.layers.server.database import DatabaseFact

Body: TypeAlias = dict[str | Remark, Written]
"""What a spec says of one database."""

Section: TypeAlias = "Mapping[Any, Written] | Sequence[Written]"

_COPIED = ("schemas", "extensions", "ownership", "grants", "default_privileges")
"""What a spec says of a template, and CREATE DATABASE copies."""

_LOCALE = ("encoding", "provider", "locale", "lc_collate", "lc_ctype")
_WORDS_OF_LOCALE = ("encoding", "locale_provider", "locale", "lc_collate", "lc_ctype")


def as_copy(
    name: str,
    body: Body,
    found: Mapping[str, Body],
    templates: Sequence[str],
    known: Mapping[str, DatabaseFact],
) -> Body:
    """The database as a copy of the template that says most of it; as it is where none says only what is true of it."""
    brought = {template: _brought(found[template]) for template in templates if name not in templates}
    fitting = [
        template
        for template, lines in brought.items()
        if any(lines.values())
        and same_locale(known[name], known[template])
        and all(_has(body.get(word), part) for word, part in lines.items())
    ]
    if not fitting:
        return body
    template = max(fitting, key=lambda one: sum(map(len, brought[one].values())))
    own = {word: _without(part, brought[template].get(str(word), ())) for word, part in body.items()}
    rest: Body = {
        word: part for word, part in own.items() if part not in ({}, []) and word not in _WORDS_OF_LOCALE
    }
    return {"from_template": template, **rest}


def same_locale(fact: DatabaseFact, other: DatabaseFact) -> bool:
    """Whether what is fixed at creation is the same in two databases."""
    return all(getattr(fact, field) == getattr(other, field) for field in _LOCALE)


def _brought(body: Body) -> Mapping[str, Section]:
    lines: dict[str, Section] = {}
    for word in _COPIED:
        if isinstance(part := body.get(word), (Mapping, list)):
            lines[word] = (
                part if isinstance(part, Mapping) else [line for line in part if not _is_of_itself(line)]
            )
    return lines


def _is_of_itself(line: Written) -> bool:
    """Whether a line of `grants:` is about the database's own ACL, which is not copied."""
    said = line.value if isinstance(line, Noted) else line
    return isinstance(said, Mapping) and said.get("on") == "database"


def _has(section: Written, part: Section) -> bool:
    if isinstance(part, Mapping):
        return isinstance(section, Mapping) and all(
            key in section and section[key] == value for key, value in part.items()
        )
    return not part or (isinstance(section, list) and all(line in section for line in part))


def _without(section: Written, part: Section) -> Written:
    if isinstance(section, Mapping) and isinstance(part, Mapping):
        return {key: value for key, value in section.items() if key not in part}
    if isinstance(section, list) and isinstance(part, list):
        return [line for line in section if line not in part]
    return section
