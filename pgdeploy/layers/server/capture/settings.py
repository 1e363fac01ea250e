"""`settings:` of a server: those that somebody set, with where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from pgdeploy.errors import Unreadable
from pgdeploy.layers.server.capture.value import written
from pgdeploy.layers.server.setting import (
    NOT_BY_SQL,
    OWN_SESSION,
    FileSetting,
    SettingFact,
    in_files,
    parameter_of,
    settings,
    stored,
)
from pgdeploy.postgres.values import NOT_SHOWN
from pgdeploy.secret.place import shown_setting
from pgdeploy.spec.writing import Noted, Remark, Written

if TYPE_CHECKING:
    from pgdeploy.core.capture import Secrets
    from pgdeploy.core.facts import Facts

_BY_INITDB = frozenset(
    {
        *(
            "datestyle",
            "timezone",
            "log_timezone",
            "default_text_search_config",
            "dynamic_shared_memory_type",
        ),
        *("lc_messages", "lc_monetary", "lc_numeric", "lc_time"),
    }
)
"""What initdb writes into postgresql.conf from the machine it runs on."""

_WRITTEN_BY_INITDB = ("postgresql.conf", "a configuration file")
"""Where that stands; the second where the login may not see which file it is."""

_PLACES = NOT_BY_SQL | {"external_pid_file", "cluster_name"}
"""Where a package puts things: of the host, and not of what the server must be."""


def captured(facts: Facts, secrets: Secrets) -> Mapping[str | Remark, Written]:
    """The settings that differ from PostgreSQL's defaults, by name."""
    found: dict[str | Remark, Written] = dict(sorted(_captured(facts, secrets)))
    for row in facts.once(stored).get((None, None), {}).values():
        value = shown_setting(row.name, row.value)
        found[Remark(f"a spec cannot say: ALTER ROLE ALL SET {row.name} = {value}")] = None
    return found


def _captured(facts: Facts, secrets: Secrets) -> Iterator[tuple[str, Written]]:
    files = _in_files(facts)
    for row in facts.once(settings).values():
        name = row.name.lower()
        if row.context == "internal" or name in _PLACES or _is_lacking(facts, row):
            continue
        found = files.get(name)
        text, place = _said(row, found)
        if text is None or (name in _BY_INITDB and place.startswith(_WRITTEN_BY_INITDB)):
            continue
        value = written(row.name, text, parameter_of(facts, name), secrets)
        if row.boot_val is None or value != written(
            row.name, row.boot_val, parameter_of(facts, name), secrets
        ):
            yield row.name, Noted(value, place)
    for name, line in files.items():
        if "." in name and name not in facts.once(settings) and line.setting is not None:
            yield (
                name,
                Noted(written(name, line.setting, None, secrets), _place(line.sourcefile, line.sourceline)),
            )


def _in_files(facts: Facts) -> Mapping[str, FileSetting]:
    try:
        return {name.lower(): line for name, line in facts.once(in_files).items() if line.applied}
    except Unreadable:
        return {}  # the running values are there, without who asks


def _is_lacking(facts: Facts, row: SettingFact) -> bool:
    """Whether a server that is reached in this way cannot have it."""
    return (
        facts.server is not None and facts.server.inapplicable("setting", row.name, row.setting) is not None
    )


def _said(row: SettingFact, found: FileSetting | None) -> tuple[str | None, str]:
    """The text of a setting that somebody gave, in its own unit, and who."""
    ours = row.source in OWN_SESSION or row.name.lower() in NOT_SHOWN
    if found is not None and found.setting is not None and (ours or row.source == "configuration file"):
        return found.setting, _place(found.sourcefile, found.sourceline)
    if ours or row.source in ("default", "override"):
        return None, ""
    unit = f"{row.unit}" if row.unit and row.unit[0].isalpha() and row.setting.lstrip("-").isdigit() else ""
    if row.source == "configuration file":
        return row.setting + unit, _place(row.sourcefile, row.sourceline)
    return row.setting + unit, row.source


def _place(file: str | None, line: int | None) -> str:
    if not file:
        return "a configuration file"
    name = file.rpartition("/")[2]
    return "ALTER SYSTEM" if name == "postgresql.auto.conf" else f"{name}:{line}"
