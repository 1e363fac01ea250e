"""Values of settings as a person writes them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING

from pgdeploy.layers.server.setting import StoredSetting, parameter_of
from pgdeploy.postgres.privilege import PRIVILEGES, privileges
from pgdeploy.postgres.values import ValueProblem, canonical, show
from pgdeploy.secret.place import holds_secret, shown_setting
from pgdeploy.spec.writing import Word, Written

if TYPE_CHECKING:
    from pgdeploy.core.capture import Secrets
    from pgdeploy.core.facts import Facts
    from pgdeploy.postgres.parameter import Parameter


def written(setting: str, text: str, parameter: Parameter | None, secrets: Secrets) -> Written:
    """The value with PostgreSQL's own units, a list as a list; a secret becomes a reference to it."""
    if holds_secret(setting) and shown_setting(setting, text) != text:
        return secrets.reference(setting, f"the value of {setting}")
    if parameter is None:
        return text
    try:
        value = canonical(text, parameter)
    except ValueProblem:
        return text
    if isinstance(value, bool):
        return Word("on" if value else "off")
    if isinstance(value, (int, float)):
        shown = show(value, parameter)
        return value if shown == str(value) else shown
    return list(value) if isinstance(value, tuple) and parameter.quotes_list else text


def written_settings(rows: Iterable[StoredSetting], facts: Facts, secrets: Secrets) -> Mapping[str, Written]:
    """What ALTER ROLE or ALTER DATABASE ... SET stores."""
    return {row.name: written(row.name, row.value, parameter_of(facts, row.name), secrets) for row in rows}


def privilege_words(words: Collection[str], kind: str, major: int) -> list[str]:
    """Privileges in the order of PostgreSQL's documentation; ALL for all of them."""
    if len(words) > 1 and words == privileges(kind, major):
        return ["ALL"]
    return [word for word in PRIVILEGES[kind] if word in words]
