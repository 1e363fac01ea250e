"""What is wrong with `migrations:` and only the whole spec shows."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.layers.migration.project import database_of, role_of
from pgdeploy.spec.extends import is_inside
from pgdeploy.spec.problem import Problem
from pgdeploy.spec.suggest import advise
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


def problems(spec: Spec, sections: Mapping[str, MigrationSpec]) -> Iterator[Problem]:
    """Databases and roles that are not declared, and two sets of scripts with one version table."""
    tables: dict[tuple[str, str, str], str] = {}
    for name, section in sections.items():
        keys = ("migrations", name)
        database = database_of(name, section)
        if database not in spec.databases:
            where = (*keys, "database") if section.database is not None else keys
            yield Problem(
                where, f"database {quoted_name(database)} is not declared{advise(database, spec.databases)}"
            )
            continue
        if spec.databases[database].allow_connections is False:
            yield Problem(keys, f"database {quoted_name(database)} allows no connections")
        yield from _role(spec, keys, name, section)
        table = (database, section.version_schema or "", section.version_table)
        if table in tables and section.kind != "sqitch":
            other = quoted_name(tables[table])
            yield Problem(keys, f"has the version table of {other}; give it another `table:` or `schema:`")
        tables.setdefault(table, name)


def _role(spec: Spec, keys: Keys, name: str, section: MigrationSpec) -> Iterator[Problem]:
    role = role_of(spec, name, section)
    if not role:
        return
    where = (*keys, "role") if section.role is not None else keys
    declared = spec.roles.get(role)
    if declared is None:
        if section.role is not None:
            yield Problem(where, f"role {quoted_name(role)} is not declared{advise(role, spec.roles)}")
    elif declared.superuser and section.role is not None:
        yield Problem(where, f"role {quoted_name(role)} is a superuser; name the role that owns the tables")


def beyond(sections: Mapping[str, MigrationSpec], root: Path) -> Iterator[Problem]:
    """Scripts, and a plan that is not below this folder.

    SQL is a program, too: on a server to throw away a superuser is one SET ROLE away, and starts what it likes.
    """
    runs = {
        "alembic": "env.py and the revisions of this folder on this machine",
        "sql": "the SQL of this folder",
    }
    for name, section in sections.items():
        if section.kind in runs:
            yield Problem(("migrations", name, section.kind), f"runs {runs[section.kind]}")
        elif not is_inside(section.path, root):
            yield Problem(("migrations", name, section.kind), f"reads files that are not in {root}{os.sep}")
