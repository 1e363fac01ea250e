"""Settings of the whole server: `settings:` in the spec, ALTER SYSTEM on the server.

A setting has more than one truth: what the spec says, what the files say, what the running server took
from them, and what ALTER ROLE ALL SET lays over it. The check compares the value for a new session
of nobody in particular; the finding says which of the truths is off.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pgdeploy.core.check import Check, Finding, Outcome
from pgdeploy.core.facts import Facts, Query
from pgdeploy.core.remedy import NOTHING, By, Remedy
from pgdeploy.core.step import Effect
from pgdeploy.errors import Inapplicable, SecretError, Unreadable
from pgdeploy.layers.server import contrib, library
from pgdeploy.layers.server.change import Change, Stage, statements
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.settingvalue import assignment, clear, compared, offline, quoted, same, shown
from pgdeploy.model.setting import PlainValue, SettingValue
from pgdeploy.postgres import postgresql_conf
from pgdeploy.postgres.identifier import PART_OR_DOLLAR, START
from pgdeploy.postgres.parameter import Parameter, parameters, suggest
from pgdeploy.postgres.values import (
    AUTO,
    NOT_SHOWN,
    ValueProblem,
    canonical,
    conf_text,
    from_server,
    show,
    sql_elements,
)
from pgdeploy.secret.place import holds_secret, scrub, shown_setting
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.problem import Problem
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


# PostgreSQL takes these from postgresql.conf or the command line only.
NOT_BY_SQL = {"data_directory", "config_file", "hba_file", "ident_file", "allow_alter_system"}

# Where pg_settings found a value that holds for our own session only.
OWN_SESSION = {"client", "user", "database", "database user", "session"}

_FILE = "configuration file"

LONGEST = 20_000
"""Characters of a value of ALTER ROLE or ALTER DATABASE. The server's own are read three times as far, see the SQL."""


class SettingFact(NamedTuple):
    name: str
    setting: str
    unit: str | None
    vartype: str
    context: str
    source: str
    sourcefile: str | None
    sourceline: int | None
    boot_val: str | None
    pending_restart: bool
    min_val: str | None
    max_val: str | None
    enumvals: list[str] | None


class FileSetting(NamedTuple):
    sourcefile: str | None
    sourceline: int | None
    name: str | None
    setting: str | None
    applied: bool
    error: str | None


class StoredSetting(NamedTuple):
    """ALTER ROLE/DATABASE ... SET; None stands for all databases or all roles."""

    database: str | None
    role: str | None
    name: str
    value: str


SETTINGS = Query("settings", SettingFact._make)
FILE_SETTINGS = Query("file_settings", FileSetting._make)
STORED_SETTINGS = Query("stored_settings", StoredSetting._make)
QUERIES = (SETTINGS, FILE_SETTINGS, STORED_SETTINGS)


def settings(facts: Facts) -> Mapping[str, SettingFact]:
    return {row.name.lower(): row for row in facts.rows(SETTINGS)}


def in_files(facts: Facts) -> Mapping[str, FileSetting]:
    """The last word of the files on each setting; lines that are no setting are not here."""
    return {row.name: row for row in facts.rows(FILE_SETTINGS) if row.name and row.setting is not None}


def stored(facts: Facts) -> Mapping[tuple[str | None, str | None], Mapping[str, StoredSetting]]:
    """ALTER ROLE/DATABASE ... SET by (database, role)."""
    found: dict[tuple[str | None, str | None], dict[str, StoredSetting]] = {}
    for row in facts.rows(STORED_SETTINGS):
        found.setdefault((row.database, row.role), {})[row.name.lower()] = row
    return found


# -- comparing -----------------------------------------------------------------------------------------


def parameter_of(facts: Facts, setting: str) -> Parameter | None:
    """What this server knows of a setting; None for one of an extension that is not loaded, or of nobody."""
    row = facts.once(settings).get(setting.lower())
    return parameters(facts.about.major).get(setting.lower()) or (_foreign(row) if row else None)


def needs_to_store(facts: Facts, names: Iterable[str]) -> tuple[str, ...]:
    """What ALTER ROLE and ALTER DATABASE take beside the role or database: a superuser's setting the right to SET it.

    PostgreSQL counts what no loaded library knows among these: it may turn out to be one.
    """
    shown_here = facts.once(settings)
    return tuple(
        f"SET {setting.lower()}" for setting in names if _is_superusers(facts, setting.lower(), shown_here)
    )


def _is_superusers(facts: Facts, setting: str, shown_here: Collection[str]) -> bool:
    parameter = parameter_of(facts, setting)
    foreign = "." in setting and setting not in shown_here
    return foreign or (parameter is not None and parameter.context == "superuser")


def _foreign(row: SettingFact) -> Parameter:
    """A setting of an extension, as the server itself describes it."""
    return Parameter(
        name=row.name,
        vartype=row.vartype,
        unit=row.unit,
        minimum=None if row.min_val is None else float(row.min_val),
        maximum=None if row.max_val is None else float(row.max_val),
        values=tuple(row.enumvals or ()),
        context=row.context,
        default=row.boot_val,
        is_list=False,
        quotes_list=False,
    )


def _text_of(row: SettingFact, parameter: Parameter) -> str:
    """The value of the running server, for people."""
    actual = from_server(row.setting, parameter)
    text = show(actual, parameter)
    return (
        shown_setting(row.name, text) if isinstance(actual, str) and parameter.vartype == "string" else text
    )


def _server_lacks(facts: Facts, setting: str, value: SettingValue) -> str | None:
    return facts.server.inapplicable("setting", setting, str(value)) if facts.server else None


def loadable(facts: Facts, setting: str, value: SettingValue, found: Outcome) -> Outcome:
    """What a comparison found, and whether a library stands in the way of mending it."""
    if found.conforms or found.remedy or not (why := library.cannot_load(facts, setting, value)):
        return found
    return replace(found, remedy=why)


# -- the resources -------------------------------------------------------------------------------------


_NOT_SHOWN = (
    "PostgreSQL shows no value of a setting that nothing has defined: compared with what its files say"
)


@dataclass(frozen=True, slots=True)
class Setting(ServerResource):
    """One line of `settings:`."""

    kind: ClassVar[str] = "setting"
    setting: str
    value: SettingValue
    keys: Keys
    placeholder: bool = field(default=False, kw_only=True)
    """Nothing in the spec brings settings of its prefix: to PostgreSQL it may be a name without a meaning."""

    def checks(self) -> Iterator[Check]:
        yield Check(
            self, f"setting[{quoted_name(self.setting, dotted=True)}]", "value", self.keys, self._compare
        )

    def inapplicable(self, facts: Facts, check: Check) -> str | None:
        return _server_lacks(facts, self.setting, self.value)

    @property
    def _value(self) -> PlainValue:
        return clear(self.value)

    def _resolved(self, facts: Facts) -> Setting:
        """With the value that a reference gives, read once.

        Raises:
            SecretError: it gives none, or one that the server would refuse.
        """
        if not isinstance(self.value, SecretRef):
            return self
        resolved, parameter = replace(self, value=clear(self.value)), parameter_of(facts, self.setting)
        try:
            if parameter is not None:
                canonical(resolved._value, parameter)
        except ValueProblem:
            raise SecretError(f"secret {self.value.describe()}: no value of {self.setting}") from None
        return resolved

    def _compare(self, facts: Facts) -> Outcome:
        return loadable(facts, self.setting, self.value, self._resolved(facts)._compare_value(facts))

    def _compare_value(self, facts: Facts) -> Outcome:
        row = facts.once(settings).get(self.setting.lower())
        parameter = parameter_of(facts, self.setting)
        desired = shown(self.setting, self._value, parameter)
        if row is None or parameter is None:
            return self._compare_unknown(facts, parameter, desired)
        override = facts.once(stored).get((None, None), {}).get(self.setting.lower())
        if override is not None and not same(self._value, override.value, parameter):
            actual = shown(self.setting, override.value, parameter)
            return compared(False, desired, actual, "ALTER ROLE ALL SET")
        return self._compare_row(facts, row, parameter, desired)

    def _compare_unknown(self, facts: Facts, parameter: Parameter | None, desired: str) -> Outcome:
        """The server does not show it: hidden, of a library that sessions load on demand, or unknown."""
        if "." not in self.setting:
            if parameter is not None and not facts.about.superuser:
                hidden = f"{self.setting} is hidden from {facts.about.user}"
                raise Unreadable(f"{hidden}: it needs membership in pg_read_all_settings")
            return Outcome(False, desired, "unknown to this server", remedy=self._unknown(facts))
        if self.placeholder:
            return self._compare_placeholder(facts, desired)
        found = facts.once(in_files).get(self.setting.lower())
        if found is not None and found.setting is not None:
            origin, actual = (
                f"{found.sourcefile}:{found.sourceline}",
                shown(self.setting, found.setting, parameter),
            )
            if same(self._value, found.setting, parameter) and found.applied:
                return Outcome(True, desired, actual, origin)
            return compared(False, desired, actual, origin, remedy=self._unknown(facts))
        if facts.server and facts.server.kind == "embedded":
            raise Inapplicable("an embedded server does not have the extension of this setting")
        return Outcome(False, desired, "unknown to this server", remedy=self._unknown(facts))

    def _compare_placeholder(self, facts: Facts, desired: str) -> Outcome:
        """PostgreSQL shows no value of a setting that nothing has defined: what is written is all that can be known."""
        override = facts.once(stored).get((None, None), {}).get(self.setting.lower())
        if override is not None and not same(self._value, override.value, None):
            return compared(False, desired, shown(self.setting, override.value, None), "ALTER ROLE ALL SET")
        found = facts.once(in_files).get(self.setting.lower())
        if found is not None and found.setting is not None:
            actual, origin = (
                shown(self.setting, found.setting, None),
                f"{found.sourcefile}:{found.sourceline}",
            )
            if found.applied and same(self._value, found.setting, None):
                return Outcome(True, desired, actual, origin, note=_NOT_SHOWN)
            return compared(False, desired, actual, origin, remedy=self._remedy_of_placeholder(facts))
        remedy = self._remedy_of_placeholder(facts)
        if remedy and facts.server and facts.server.kind == "embedded":
            raise Inapplicable(f"an embedded server is set by ALTER SYSTEM: {remedy}")
        return Outcome(False, desired, "not set", remedy=remedy)

    def _remedy_of_placeholder(self, facts: Facts) -> Remedy:
        held = self._held(facts)
        if held or facts.about.major >= 17:
            return held
        return Remedy(
            f"before PostgreSQL 17 ALTER SYSTEM knows no {self.setting} while no library defines it; "
            "write it into postgresql.conf, or set it for a database or role"
        )

    def _compare_row(self, facts: Facts, row: SettingFact, parameter: Parameter, desired: str) -> Outcome:
        automatic = self._is_automatic(row, parameter) and row.source != _FILE
        if row.source in OWN_SESSION or row.name.lower() in NOT_SHOWN or automatic:
            return self._compare_file(facts, row, parameter, desired)
        actual = _text_of(row, parameter)
        origin = f"{row.sourcefile}:{row.sourceline}" if row.sourcefile else row.source
        if from_server(row.setting, parameter) == canonical(self._value, parameter):
            if row.source == "command line":
                # where the files say otherwise the server marks it as pending, but it beats them at the next start, too
                return Outcome(True, desired, actual, origin)
            if row.pending_restart:
                return self._leaving(facts, parameter, desired, "restart")
            if self._edited(facts, row, parameter):
                when = "restart" if row.context == "postmaster" else "reload"
                return self._leaving(facts, parameter, desired, when)
            return Outcome(True, desired, actual, origin)
        waiting = row.pending_restart and same(self._value, self._file_value(facts, row), parameter)
        text = actual + (f" ({desired} waits for a restart)" if waiting else "")
        return compared(False, desired, text, origin, remedy=self._remedy(facts, row, waiting))

    def _compare_file(self, facts: Facts, row: SettingFact, parameter: Parameter, desired: str) -> Outcome:
        """Our own session sees another value than others do, or the server resolved an automatic one."""
        found = facts.once(in_files).get(self.setting.lower())
        text = found.setting if found else row.boot_val
        origin = f"{found.sourcefile}:{found.sourceline}" if found else "default"
        remedy = self._remedy(facts, row, waiting=False)
        actual = shown(self.setting, text or "", parameter)
        return compared(same(self._value, text, parameter), desired, actual, origin, remedy)

    def _leaving(self, facts: Facts, parameter: Parameter, desired: str, event: str) -> Outcome:
        """Right for now, but the files say otherwise: the next restart or reload would bring the drift."""
        found = facts.once(in_files).get(self.setting.lower())
        text = found.setting if found and found.setting is not None else (parameter.default or "")
        origin = f"{found.sourcefile}:{found.sourceline}" if found else "default"
        later = shown(self.setting, text, parameter)
        actual = f"{desired} ({'another secret' if later == desired else later} after the next {event})"
        return Outcome(False, desired, actual, origin, remedy=self._held(facts))

    def _edited(self, facts: Facts, row: SettingFact, parameter: Parameter) -> bool:
        """Whether a file was changed and nothing told the server yet: it has the old value still."""
        if row.source not in (_FILE, "default") or row.context == "internal":
            return False
        try:
            lines, found = facts.rows(FILE_SETTINGS), facts.once(in_files).get(self.setting.lower())
        except Unreadable:
            return False
        if found is None:
            # with a line that it refuses the server takes nothing at all
            gone = row.source == _FILE and (not lines or any(line.applied for line in lines))
            return gone and not same(self._value, row.boot_val, parameter)
        # of a setting that takes a restart every new value counts as not applied
        taken = found.applied or (row.context == "postmaster" and found.error is not None)
        return taken and not same(self._value, found.setting, parameter)

    def _file_value(self, facts: Facts, row: SettingFact) -> str | None:
        """What the next start takes: without a line in the files it is the built-in default."""
        try:
            found = facts.once(in_files).get(self.setting.lower())
        except Unreadable:
            return None
        return found.setting if found else row.boot_val

    def _remedy(self, facts: Facts, row: SettingFact, waiting: bool) -> Remedy:
        if row.context == "internal" or row.name in NOT_BY_SQL:
            return Remedy("PostgreSQL does not let SQL set it; set it in postgresql.conf")
        if elsewhere := self._empty_beaten_by(facts, row):
            return Remedy(f"ALTER SYSTEM cannot write an empty list; take the line out of {elsewhere}")
        if row.source == "command line":
            return Remedy("it stands on the server's command line, which beats every file")
        if waiting and not (facts.server and facts.server.can_restart):
            return Remedy("the file is right and waits for a restart of the server")
        return self._in_deploy(facts) if waiting else self._held(facts)

    def _empty_beaten_by(self, facts: Facts, row: SettingFact) -> str:
        """The line that stays where an empty list is desired: a RESET takes back what ALTER SYSTEM wrote alone."""
        if sql_elements(self._value, parameter_of(facts, row.name)):
            return ""
        try:
            lines = facts.rows(FILE_SETTINGS)
        except Unreadable:
            return ""
        others = (
            line for line in lines if line.name == row.name.lower() and not _is_auto(line) and line.setting
        )
        return next((f"{line.sourcefile}:{line.sourceline}" for line in others), "")

    def _held(self, facts: Facts) -> Remedy:
        """Why ALTER SYSTEM is not the way to set it here; empty where it is."""
        allowed = facts.once(settings).get("allow_alter_system")
        if (deployed := self._in_deploy(facts)) or allowed is None or allowed.setting == "on":
            return deployed
        return Remedy(
            "allow_alter_system is off: nobody may use ALTER SYSTEM; write the setting into postgresql.conf"
        )

    def _in_deploy(self, facts: Facts) -> Remedy:
        """Where pyinfra writes the settings, ALTER SYSTEM would be a second truth; but only it mends its own file."""
        if not facts.has("host"):
            return NOTHING
        try:
            found = facts.once(in_files).get(self.setting.lower())
        except Unreadable:
            return NOTHING
        if found is not None and _is_auto(found):
            return NOTHING
        return Remedy(
            "pyinfra_deploys/pg01.py writes it into conf.d, and reloads or restarts as it takes", By.DEPLOY
        )

    def _is_automatic(self, row: SettingFact, parameter: Parameter) -> bool:
        """Whether the spec leaves the value to the server."""
        return AUTO.get(row.name.lower()) == canonical(self._value, parameter)

    def _runs(self, row: SettingFact, parameter: Parameter) -> bool:
        """Whether the server works with the value now; what it worked out itself comes from no file."""
        if self._is_automatic(row, parameter):
            return row.source != _FILE
        return from_server(row.setting, parameter) == canonical(self._value, parameter)

    def _unknown(self, facts: Facts) -> str:
        if "." in self.setting:
            return f"load the extension that knows {self.setting} (shared_preload_libraries)"
        return f"PostgreSQL {facts.about.major} has no such setting"

    def changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        if not any(drift.remedy for drift in drifts):
            yield from self._resolved(facts)._changes(drifts, facts)

    def _changes(self, drifts: Sequence[Finding], facts: Facts) -> Iterator[Change]:
        row = facts.once(settings).get(self.setting.lower())
        parameter = parameter_of(facts, self.setting)
        causes = tuple(drift.check.id for drift in drifts)
        loads = tuple(library.loads(self.setting, self._value, facts.about.major))
        override = facts.once(stored).get((None, None), {}).get(self.setting.lower())
        if override is not None and not same(self._value, override.value, parameter):
            text = f"ALTER ROLE ALL RESET {quoted(self.setting)}"
            yield Change(Stage.SETTING, statements(text), causes, needs=("superuser",))
        if (
            row is not None
            and row.pending_restart
            and same(self._value, self._file_value(facts, row), parameter)
        ):
            yield Change(Stage.SETTING, (), causes, effect=Effect.RESTART, loads=loads)
            return
        runs = row is None or (parameter is not None and self._runs(row, parameter))
        effect = (
            Effect.RESTART if row is not None and row.context == "postmaster" and not runs else Effect.RELOAD
        )
        statement = assignment("ALTER SYSTEM", self.setting, self._value, parameter)
        needs = (f"ALTER SYSTEM {self.setting.lower()}",)
        yield Change(
            Stage.SETTING, (statement,), causes, effect=effect, transactional=False, needs=needs, loads=loads
        )


def _is_auto(line: FileSetting) -> bool:
    """Whether ALTER SYSTEM wrote it."""
    return (line.sourcefile or "").endswith("/postgresql.auto.conf")


@dataclass(frozen=True, slots=True)
class ConfigurationFiles(ServerResource):
    """Whether the server could take what its files say: pg_reload_conf() is true even when it could not."""

    kind: ClassVar[str] = "setting"
    keys: Keys = ("settings",)

    def checks(self) -> Iterator[Check]:
        yield Check(self, "setting[files]", "loaded", self.keys, self._compare)

    def _compare(self, facts: Facts) -> Outcome:
        wrong = [row for row in facts.rows(FILE_SETTINGS) if row.error and not self._waits(facts, row)]
        actual = listing(f"{row.name or 'line'}: {scrub(row.error or '')}" for row in wrong)
        origin = ", ".join(f"{row.sourcefile}:{row.sourceline}" for row in wrong[:3])
        desired = "every line of the configuration files is accepted"
        return Outcome(
            not wrong, desired, actual if wrong else "accepted", origin, remedy="mend that line of the file"
        )

    def _waits(self, facts: Facts, line: FileSetting) -> bool:
        """A good value that a running server cannot take: it waits for a restart, or the command line beats it."""
        if line.sourcefile is None and line.name is None:
            # no line at all: one of a setting that takes a restart was taken out
            return True
        known = facts.once(settings).get(line.name or "")
        if known is None or known.context != "postmaster" or line.setting is None:
            return False
        return same(line.setting, line.setting, parameter_of(facts, known.name))


def resources(spec: Spec) -> Iterator[ServerResource]:
    known = prefixes(spec)
    for setting, value in spec.settings.items():
        foreign = "." in setting and setting.partition(".")[0] not in known
        yield Setting(setting, value, ("settings", setting), placeholder=foreign)
    if spec.settings:
        yield ConfigurationFiles()


# -- what the loader asks ------------------------------------------------------------------------------


PREFIXES: Mapping[str, str] = {
    "cron": "pg_cron",
    "hnsw": "vector",
    "ivfflat": "vector",
    "pltclu": "pltcl",
    "plperlu": "plperl",
}
"""How settings begin whose extension or library has another name."""


def libraries(spec: Spec) -> Iterator[str]:
    """The libraries that a spec preloads, by their names without folders."""
    known: list[Mapping[str, SettingValue]] = [spec.settings]
    known += [role.settings for role in spec.roles.values()]
    known += [database.settings for database in spec.databases.values()]
    for values in known:
        for setting, value in values.items():
            if setting.lower().endswith("_preload_libraries") and not isinstance(value, SecretRef):
                listed = value if isinstance(value, (list, tuple)) else str(value).split(",")
                yield from (library.strip(' "').rpartition("/")[2].removesuffix(".so") for library in listed)


def prefixes(spec: Spec) -> frozenset[str]:
    """How settings begin of what the spec names: its extensions and the libraries that it preloads."""
    named = {"plpgsql", *libraries(spec)}
    named |= {extension for body in spec.databases.values() for extension in body.extensions}
    return frozenset(named | {prefix for prefix, library in PREFIXES.items() if library in named})


def problems_of(
    values: Mapping[str, SettingValue],
    major: int,
    prefixes: Collection[str],
    keys: Keys,
    *,
    sessions: bool = False,
) -> Iterator[Problem]:
    """What is wrong with settings, offline. `sessions`: they stand in ALTER ROLE or ALTER DATABASE."""
    known = parameters(major)
    spelled: dict[str, str] = {}
    yield from _too_long(values, keys) if sessions else ()
    for setting, value in values.items():
        if isinstance(value, SecretRef) and not holds_secret(setting):
            yield Problem((*keys, setting), f"{setting} holds no secret; write its value")
        if (first := spelled.setdefault(setting.lower(), setting)) != setting:
            yield Problem((*keys, setting), f"{setting} is {first} once more; leave one out")
        parameter = known.get(setting.lower())
        if parameter is None:
            yield from _unknown(setting, value, major, prefixes, (*keys, setting), sessions)
            continue
        yield from _value_problem(setting, value, parameter, keys)
        if parameter.context == "internal":
            yield Problem(
                (*keys, setting), f"{setting} is reported by PostgreSQL and cannot be set; leave it out"
            )
        elif sessions and parameter.context in ("postmaster", "sighup", "backend", "superuser-backend"):
            yield Problem(
                (*keys, setting),
                f"{setting} is for the whole server ({parameter.context}); put it in settings:",
            )


def _unknown(
    setting: str, value: SettingValue, major: int, prefixes: Collection[str], keys: Keys, sessions: bool
) -> Iterator[Problem]:
    """PostgreSQL itself has no such setting: with a prefix it may be a library's, or an application's own."""
    if "." not in setting:
        message = f"{setting} is not a PostgreSQL {major} setting"
        yield Problem(keys, message, about_key=True, hint=partial(_meant, setting, major))
    elif wrong := contrib.misspelt(setting, prefixes):
        yield Problem(keys, wrong, about_key=True)
    else:
        yield from _foreign_problems(setting, value, keys, sessions)


def _too_long(values: Mapping[str, SettingValue], keys: Keys) -> Iterator[Problem]:
    for setting, value in values.items():
        if _length(value) > LONGEST:
            yield Problem((*keys, setting), f"{setting}: longer than {LONGEST:,} characters; shorten it")


def _length(value: SettingValue) -> int:
    """Characters, of a list with what stands between them; quoting at most doubles it."""
    words = value if isinstance(value, tuple) else (str(value),)
    return sum(len(word) + 2 for word in words)


def _value_problem(setting: str, value: SettingValue, parameter: Parameter, keys: Keys) -> Iterator[Problem]:
    try:
        if not isinstance(value, SecretRef):
            canonical(value, parameter)
    except ValueProblem as error:
        yield Problem((*keys, setting), f"{setting}: {scrub(str(error))}")


_IDENTIFIER = f"{START}{PART_OR_DOLLAR}*"
_FOREIGN = re.compile(rf"{_IDENTIFIER}(\.{_IDENTIFIER})+")
"""How the server lets extensions name their settings: identifiers with dots between."""


def _foreign_problems(setting: str, value: SettingValue, keys: Keys, sessions: bool) -> Iterator[Problem]:
    """Of a setting of an extension only its shape is known. Those of sessions are in no file."""
    if sessions and not _FOREIGN.fullmatch(setting):
        allowed = "names of letters, digits, _ and $, with dots between"
        yield Problem(keys, f"PostgreSQL takes this for no setting; allowed: {allowed}", about_key=True)
    try:
        if not sessions:
            postgresql_conf.checked_name(setting)
        postgresql_conf.quoted(conf_text(offline(setting, value), None))
    except ValueProblem as error:
        yield Problem(keys, f"{setting}: {error}", about_key=True)


def _meant(setting: str, major: int) -> str:
    near = suggest(setting, major)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def compare_stored(
    facts: Facts, scope: tuple[str | None, str | None], setting: str, value: SettingValue
) -> Outcome:
    """One ALTER ROLE/DATABASE ... SET, desired against stored."""
    row = facts.once(stored).get(scope, {}).get(setting.lower())
    parameter, known = parameter_of(facts, setting), clear(value)
    actual = shown(setting, row.value, parameter) if row else "not set"
    # an empty list of libraries cannot be stored, a RESET is what is meant: see `assignment`
    nothing = row is None and not sql_elements(known, parameter)
    conforms = nothing or (row is not None and same(known, row.value, parameter))
    return loadable(facts, setting, value, compared(conforms, shown(setting, known, parameter), actual))
