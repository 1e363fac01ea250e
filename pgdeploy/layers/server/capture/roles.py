"""`roles:`: their attributes, memberships and settings; passwords as references."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.capture.value import written_settings
from pgdeploy.layers.server.change import Joined
from pgdeploy.layers.server.database import databases
from pgdeploy.layers.server.membership import OPTIONS_SINCE, by_member
from pgdeploy.layers.server.provider import provided
from pgdeploy.layers.server.role import DANGEROUS, passwords
from pgdeploy.layers.server.rolefact import BOOTSTRAP, RoleFact, bootstrap, names_by_oid, roles
from pgdeploy.layers.server.setting import stored
from pgdeploy.secret.scram import is_md5
from pgdeploy.spec.writing import Noted, Remark, Word, Written

if TYPE_CHECKING:
    from pgdeploy.core.capture import Secrets
    from pgdeploy.core.facts import Facts

_MIDNIGHT = " 00:00:00+00:00"
"""Left out: a date is the first moment of it in UTC."""


def captured(facts: Facts, secrets: Secrets) -> Mapping[str, Written]:
    """Every role that is neither PostgreSQL's own nor a provider's, by name; the superuser of initdb first."""
    theirs = facts.once(provided)
    known = [
        role for name, role in facts.once(roles).items() if not name.startswith("pg_") and name not in theirs
    ]
    ordered = sorted(known, key=lambda role: (role.oid != BOOTSTRAP, role.name))
    owners = set(_owners(facts))
    return {role.name: _noted(role, _role(role, facts, secrets), owners) for role in ordered}


def _owners(facts: Facts) -> Iterator[str]:
    """Who owns a database, or something in one that could be read."""
    names = facts.once(names_by_oid)
    for name, fact in facts.once(databases).items():
        yield names.get(fact.owner, "")
        with suppress(Unreadable):
            yield from facts.once(acl.owners, name).values()


def _noted(role: RoleFact, body: Mapping[str | Remark, Written], owners: Collection[str]) -> Written:
    """With what somebody should decide about it."""
    if role.oid == BOOTSTRAP:
        return body
    if role.superuser:
        return Noted(body, "a superuser: does it have to be one?")
    if role.login and role.name in owners:
        return Noted(
            body, "owns things and logs in: if it is a person, they should belong to a role that stays"
        )
    return body


def _role(role: RoleFact, facts: Facts, secrets: Secrets) -> Mapping[str | Remark, Written]:
    body: dict[str | Remark, Written] = {}
    if role.login:
        body["login"] = True
    body |= {field: True for field in DANGEROUS if getattr(role, field) and _is_worth_saying(role, field)}
    if not role.inherit:
        body["inherit"] = False
    if role.connection_limit != -1:
        body["connection_limit"] = role.connection_limit
    if (end := role.end) is not None:
        date = str(end).removesuffix(_MIDNIGHT)
        body["valid_until"] = Word(date) if date.replace("-", "").isdigit() else date
    body |= _password(role, facts, secrets)
    body |= _settings(role, facts, secrets)
    if joined := facts.once(by_member).get(role.name):
        body["member_of"] = list(_memberships(role, joined, facts))
    return body


def _is_worth_saying(role: RoleFact, field: str) -> bool:
    """The superuser of initdb is made with all of them."""
    return field == "superuser" or role.oid != BOOTSTRAP


def _password(role: RoleFact, facts: Facts, secrets: Secrets) -> Mapping[str | Remark, Written]:
    try:
        verifier = facts.once(passwords).get(role.name)
    except Unreadable:
        return {}
    if verifier is None:
        return {}
    reference = secrets.reference(f"{role.name}_PASSWORD", f"the password of role {role.name}")
    if is_md5(verifier):
        return {
            "password": Noted(
                reference, "stored as md5, which is no longer safe; an apply stores it as SCRAM"
            )
        }
    return {"password": reference}


def _settings(role: RoleFact, facts: Facts, secrets: Secrets) -> Iterator[tuple[str, Written]]:
    there = {
        database: written_settings(rows.values(), facts, secrets)
        for (database, name), rows in facts.once(stored).items()
        if name == role.name
    }
    if everywhere := there.pop(None, None):
        yield "settings", everywhere
    if there:
        yield "settings_in", {database: there[database] for database in sorted(filter(None, there))}


def _memberships(role: RoleFact, joined: Sequence[Joined], facts: Facts) -> Iterator[Written]:
    by_group: dict[str, list[Joined]] = {}
    for row in joined:
        by_group.setdefault(row.role, []).append(row)
    for group in sorted(by_group):
        rows = by_group[group]
        if len(rows) > 1:
            yield Remark(f"{group} was granted by {', '.join(sorted(str(row.grantor) for row in rows))}")
        yield _membership(role, rows, facts)


def _membership(role: RoleFact, rows: Sequence[Joined], facts: Facts) -> Written:
    line: dict[str | Remark, Written] = {"role": rows[0].role}
    if any(row.admin for row in rows):
        line["admin"] = True
    if facts.about.major >= OPTIONS_SINCE:
        usual = {"inherit": role.inherit, "set": True}
        actual = {option: any(getattr(row, option) for row in rows) for option in usual}
        line |= {option: value for option, value in actual.items() if value is not usual[option]}
        grantors = {row.grantor for row in rows}
        if len(grantors) == 1 and (grantor := grantors.pop()) not in (None, bootstrap(facts)):
            line["grantor"] = grantor
    return line if len(line) > 1 else rows[0].role
