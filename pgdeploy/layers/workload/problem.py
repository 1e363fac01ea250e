"""What is wrong with a workload and only the whole spec shows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.spec.problem import Problem
from pgdeploy.spec.suggest import advise

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import ScriptSpec, StatementSpec, WorkloadsSpec
    from pgdeploy.spec.place import Keys

_PARAMETER = re.compile(r"%(?:\(([^)]*)\)s|(.)?)", re.DOTALL)

_SHELL = re.compile(r"^\s*(\\(?:set)?shell)\b", re.IGNORECASE | re.MULTILINE)
"""What pgbench before PostgreSQL 17 hands to a shell."""


def problems(spec: Spec, workloads: WorkloadsSpec | None) -> Iterator[Problem]:
    """Roles and databases that are not declared, and parameters that do not match."""
    if workloads is None:
        return
    for name, one in workloads.statements.items():
        keys: Keys = ("workloads", "statements", name)
        yield from _where(spec, one, keys)
        yield from _parameters(one, keys)
    for name, script in workloads.scripts.items():
        keys = ("workloads", "scripts", name)
        yield from _where(spec, script, keys)
        if found := _SHELL.search(script.script):
            said = f"{found[1]} would run a command on this machine; a script of a spec cannot"
            yield Problem((*keys, "script"), said)
        if name in workloads.statements:
            yield Problem(keys, "a statement has this name, too; name them differently")


def _where(spec: Spec, one: StatementSpec | ScriptSpec, keys: Keys) -> Iterator[Problem]:
    yield from _role(spec, one, keys)
    yield from _prepared(one, keys)
    if one.database not in spec.databases:
        near = advise(one.database, spec.databases)
        yield Problem((*keys, "database"), f"database {one.database} is not declared{near}")


def _prepared(one: StatementSpec | ScriptSpec, keys: Keys) -> Iterator[Problem]:
    if one.prepare is not None and not one.writes:
        said = "only what writes has a database of its own to prepare; add writes: true, or remove prepare"
        yield Problem((*keys, "prepare"), said)


def _role(spec: Spec, one: StatementSpec | ScriptSpec, keys: Keys) -> Iterator[Problem]:
    role = spec.roles.get(one.role)
    if role is None or role.state == "absent":
        near = advise(one.role, spec.roles)
        yield Problem((*keys, "role"), f"role {one.role} is not declared; declare it under roles:{near}")
    elif role.superuser:
        yield Problem(
            (*keys, "role"),
            f"role {one.role} is a superuser; a workload runs what others put into the database, so it needs a role "
            "with the application's rights",
        )
    elif role.state == "present" and not role.login:
        yield Problem((*keys, "role"), f"role {one.role} cannot log in; name a role with login: true")


def _parameters(one: StatementSpec, keys: Keys) -> Iterator[Problem]:
    if not one.parameters:
        return  # then % stands for itself
    used: set[str] = set()
    for found in _PARAMETER.finditer(one.sql):
        if found[1] is not None:
            used.add(found[1])
        elif found[2] != "%":
            yield Problem((*keys, "sql"), "with parameters, write %% for a percent sign")
    for name in sorted(used - one.parameters.keys()):
        yield Problem(
            (*keys, "sql"),
            f"%({name})s has no value{advise(name, one.parameters)}; add it to parameters:",
        )
    for name in one.parameters:
        if name not in used:
            yield Problem((*keys, "parameters", name), f"the statement has no %({name})s")
