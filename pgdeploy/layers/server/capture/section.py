"""All sections of the server, from one bulk read of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from pgdeploy.core.capture import Captured, Secrets
from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.errors import Unreadable
from pgdeploy.layers.server import acl, tablespace
from pgdeploy.layers.server.capture import databases, hba, privileges, roles, settings
from pgdeploy.layers.server.kinds import QUERIES
from pgdeploy.layers.server.reading import Scope, read_sql
from pgdeploy.layers.server.role import passwords
from pgdeploy.layers.server.rolefact import bootstrap, names_by_oid
from pgdeploy.spec.writing import Remark, Written
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.reach.server import Server


def capture(server: Server) -> Captured:
    """The sections of a spec that says what this server is; nothing on it is changed, and no login tried.

    Raises:
        TargetError: the server cannot be reached.
        Unreadable: it does not show what roles or databases there are.
    """
    read = read_sql(server, (*QUERIES, databases.TABLES), Scope((), (), whole_server=True))
    return of(replace(Facts(NOBODY, server, {}, {}), **read))


def of(facts: Facts) -> Captured:
    """The same, from facts that were read with this in mind."""
    secrets, unseen = Secrets(), list[str]()
    sections: dict[str | Remark, Written] = {"postgres": facts.about.major}
    parts: Mapping[str, Callable[[], Written]] = {
        "settings": lambda: settings.captured(facts, secrets),
        "hba": lambda: hba.captured_rules(facts, secrets),
        "ident": lambda: hba.captured_maps(facts),
    }
    for name, part in parts.items():
        try:
            found = part()
        except Unreadable as error:
            unseen.append(f"{name}: {error}")
            sections[Remark(f"{name}: left out, as it could not be read: {error}")] = None
        else:
            sections[name] = found
    sections["roles"] = roles.captured(facts, secrets)
    sections["tablespaces"] = dict(_tablespaces(facts))
    sections["grants"] = _shared_grants(facts)
    sections["databases"] = databases.captured(facts, secrets)
    return Captured(sections, secrets.named, (*unseen, *_unseen(facts)))


def _tablespaces(facts: Facts) -> Iterator[tuple[str, Written]]:
    for name, fact in sorted(facts.once(tablespace.tablespaces).items()):
        if name in tablespace.BY_INITDB:
            continue
        owner = facts.once(names_by_oid).get(fact.owner, "")
        body: dict[str, Written] = {} if owner == facts.once(bootstrap) else {"owner": owner}
        # what has no place of its own stands in the data directory
        yield name, body | ({"location": fact.location} if fact.location.startswith("/") else {})


def _shared_grants(facts: Facts) -> list[Written]:
    shared = [key for key in facts.once(acl.acls, None) if key.kind != "database"]
    return privileges.captured_shared(facts, shared)


def _unseen(facts: Facts) -> Iterator[str]:
    try:
        facts.once(passwords)
    except Unreadable as error:
        yield f"passwords: which roles have one is not known: {error}"
    if facts.refused:
        yield listing(f"database {quoted_name(name)}: {why}" for name, why in facts.refused.items())
