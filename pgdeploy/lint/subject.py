"""What a rule looks at: the spec, today, and what the settings come to with the server's defaults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from pgdeploy.layers.host.layout import Layout
from pgdeploy.layers.server.settingvalue import offline
from pgdeploy.lint.size import UNITS, read_size
from pgdeploy.model.setting import SettingValue
from pgdeploy.postgres.parameter import Parameter, parameters
from pgdeploy.postgres.values import Canonical, SettingInput, canonical, from_server
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.role import RoleSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.merge import Replaced
    from pgdeploy.spec.place import Keys


T = TypeVar("T")


class Written(NamedTuple):
    """A setting where it is written; `limit` is how many sessions that can hold for, -1: as many as there are."""

    address: str
    keys: Keys
    value: Canonical
    limit: int = -1


@dataclass(frozen=True)
class Subject:
    """A spec on a day."""

    spec: Spec
    today: date
    replaced: Sequence[Replaced] = ()
    """Lists and sections of its bases in whose place it has something else."""

    @cached_property
    def roles(self) -> Mapping[str, RoleSpec]:
        """The roles that must be there."""
        return {role: body for role, body in self.spec.roles.items() if body.state == "present"}

    @cached_property
    def _answers(self) -> dict[tuple[object, ...], Any]:
        return {}

    def once(self, ask: Callable[..., T], *of: object) -> T:
        """What a function says of this subject and what else it is given, asked once."""
        key = (ask, *of)
        if key not in self._answers:
            self._answers[key] = ask(self, *of)
        answer: T = self._answers[key]
        return answer

    @cached_property
    def memory(self) -> int | None:
        """Bytes that the machine has; None when the spec does not say, or says what is no size."""
        vm = self.spec.vm
        said = self.spec.machine.memory or (vm.memory if vm is not None else None)
        return read_size(said) if said is not None else None

    @property
    def cores(self) -> int | None:
        """CPUs that the server sees; None when the spec does not say."""
        vm = self.spec.vm
        return self.spec.machine.cores or (vm.sockets * vm.cores if vm is not None else None)

    # -- settings ----------------------------------------------------------------------------------

    @cached_property
    def _names(self) -> Mapping[str, str]:
        """Settings as they are written, by their name in lower case: the server knows no case here."""
        return {written.lower(): written for written in self._settings}

    @cached_property
    def _settings(self) -> Mapping[str, SettingInput]:
        return {name: offline(name, value) for name, value in Layout(self.spec).settings.items()}

    def written(self, setting: str) -> bool:
        """Whether the spec says it for the whole server."""
        return setting in self._names

    def keys(self, setting: str) -> Keys:
        """Where it is written for the whole server, or would be."""
        return "settings", self._names.get(setting, setting)

    def value(self, setting: str) -> Canonical | None:
        """What is written, else the server's default; None for what this version does not have."""
        parameter = self._parameter(setting)
        if setting in self._names and parameter is not None:
            return canonical(self._settings[self._names[setting]], parameter)
        if parameter is None or parameter.default is None:
            return None
        return from_server(parameter.default, parameter)

    def number(self, setting: str) -> float:
        """A numeric setting in its unit; 0 for what this version does not have."""
        value = self.value(setting)
        return float(value) if isinstance(value, int | float) else 0.0

    def bytes(self, setting: str) -> int:
        """A size in bytes."""
        parameter = self._parameter(setting)
        unit = parameter.unit if parameter is not None else None
        return round(self.number(setting) * UNITS[unit or "B"])

    def everywhere(self, setting: str) -> Iterator[Written]:
        """Every place that sets it: the server, ALTER ROLE (IN DATABASE) and ALTER DATABASE."""
        if setting in self._names:
            yield from self._in("setting", setting, self.spec.settings, ("settings",))
        yield from self.overrides(setting)

    def overrides(self, setting: str) -> Iterator[Written]:
        """Every place that sets it for some sessions only."""
        for role, body in self.roles.items():
            address, keys, limit = f"role[{quoted_name(role)}]", ("roles", role), body.connection_limit
            yield from self._in(address, setting, body.settings, (*keys, "settings"), limit)
            for database, values in body.settings_in.items():
                yield from self._in(address, setting, values, (*keys, "settings_in", database), limit)
        for database, db in self.spec.databases.items():
            keys = ("databases", database)
            where = (*keys, "settings")
            yield from self._in(
                f"database[{quoted_name(database)}]", setting, db.settings, where, db.connection_limit
            )

    def _in(
        self,
        address: str,
        setting: str,
        values: Mapping[str, SettingValue],
        keys: Keys,
        limit: int | None = None,
    ) -> Iterator[Written]:
        parameter = self._parameter(setting)
        for written, value in values.items():
            if written.lower() == setting and parameter is not None:
                named = f"setting[{quoted_name(written)}]" if address == "setting" else address
                sessions = -1 if limit is None else limit
                known = canonical(offline(written, value), parameter)
                yield Written(named, (*keys, written), known, sessions)

    def _parameter(self, setting: str) -> Parameter | None:
        return parameters(self.spec.postgres).get(setting)
