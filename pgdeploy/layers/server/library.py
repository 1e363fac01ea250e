"""Libraries that a server or a session loads as it starts: `shared_`, `session_` and `local_preload_libraries`.

One that is missing, or does not load, ends every login before it begins, ours as well; of the shared ones, the server
does not start. So the plan looks for the file, and the apply tries LOAD before it changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.core.facts import Facts, Query
from pgdeploy.errors import Inapplicable, Unreadable
from pgdeploy.layers.server.change import Library
from pgdeploy.postgres.parameter import parameters
from pgdeploy.postgres.values import sql_elements
from pgdeploy.secret.reference import SecretRef
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.setting import SettingValue
    from pgdeploy.model.spec import Spec

AT_START = "shared_preload_libraries"
_LOCAL = "local_preload_libraries"
LISTS = frozenset({AT_START, "session_preload_libraries", _LOCAL})
_PLUGINS = "$libdir/plugins/"


class Found(NamedTuple):
    """Where a library is; None: in no folder that the server looks in."""

    name: str
    path: str | None


LIBRARIES = Query("libraries", Found._make, scoped=True, superuser=True)
QUERIES = (LIBRARIES,)


def _found(facts: Facts) -> Mapping[str, str | None]:
    return {row.name: row.path for row in facts.rows(LIBRARIES)}


def loads(setting: str, value: SettingValue, major: int) -> Iterator[Library]:
    """What is loaded by a setting, named as the server resolves it: those of `local_` are plugins."""
    folded = setting.lower()
    if folded not in LISTS or isinstance(value, SecretRef):
        return
    for element in sql_elements(value, parameters(major)[folded]):
        plugin = folded == _LOCAL and "/" not in element
        yield Library(f"{_PLUGINS}{element}" if plugin else element, folded == AT_START)


def in_spec(spec: Spec) -> list[str]:
    """The names of all libraries that a spec wants loaded, each once."""
    values = [spec.settings, *(body.settings for body in spec.databases.values())]
    for role in spec.roles.values():
        values += [role.settings, *role.settings_in.values()]
    return list(
        dict.fromkeys(
            library.name
            for known in values
            for setting, value in known.items()
            for library in loads(setting, value, spec.postgres)
        )
    )


def cannot_load(facts: Facts, setting: str, value: SettingValue) -> str:
    """Why a setting would shut every login out, as far as that is known without loading anything.

    Raises:
        Inapplicable: an embedded server does not have the library.
    """
    for library in loads(setting, value, facts.about.major):
        if setting.lower() == _LOCAL and not _is_plugin(library.name):
            named = quoted_name(library.name)
            return f"{named} is no name of a file in {_PLUGINS}, and no session may load another this way"
        try:
            path = facts.once(_found).get(library.name)
        except Unreadable:
            named = quoted_name(library.name)
            return f"only a superuser can look for {named} and try it, and one that is missing {_ENDS}"
        if path is None and facts.server is not None and facts.server.kind == "embedded":
            raise Inapplicable(f"the embedded server does not ship the library {quoted_name(library.name)}")
        if path is None:
            return (
                f"no library {quoted_name(library.name)} is in $libdir or dynamic_library_path, and so it {_ENDS}: "
                "mend the name, or install its package there"
            )
    return ""


_ENDS = "would end every login, or the start of the server"


def _is_plugin(library: str) -> bool:
    """The server's own rule."""
    file = library.removeprefix(_PLUGINS)
    return file != library and "/" not in file
