"""REVOKE statements: each acts on what its own user granted, and for a superuser on what the owner granted."""

from __future__ import annotations

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server import acl
from pgdeploy.layers.server.acl import Entry, ObjectKey
from pgdeploy.layers.server.change import grantee, ident
from pgdeploy.layers.server.object import KEYWORD, clause, privilege_list


def revoke(key: ObjectKey, role: str, entry: Entry) -> str:
    """Takes an entry's privileges, or where it has only those with grant option, just that."""
    only_option = "GRANT OPTION FOR " if entry.grantable else ""
    words = privilege_list(entry.privileges, key, [key.sub or ""])
    return f"REVOKE {only_option}{words} ON {KEYWORD[key.kind]} {clause(key)} FROM {grantee(role)} CASCADE"


def in_the_name_of(
    facts: Facts, database: str | None, key: ObjectKey, grantor: str, statement: str
) -> tuple[list[str], list[str]]:
    """Whose rights it takes that this role makes a statement about an object, and the statements.

    Who may not use the schema cannot name what is in it, so such a grantor gets USAGE for that one statement. A
    membership that would let him in is not counted on: the same plan may have taken it by then.
    """
    named = [f"SET LOCAL ROLE {ident(grantor)}", statement, "RESET ROLE"]
    if database is None or key.schema is None:
        return [grantor], named
    schema = ObjectKey("schema", None, key.schema)
    owner = facts.once(acl.owners, database).get(schema, "")
    if grantor == owner or acl.holds(facts, database, schema, [grantor], "USAGE"):
        return [grantor], named
    usage = f"USAGE ON SCHEMA {ident(key.schema)}"
    let_in = f"GRANT {usage} TO {ident(grantor)}"
    shut_out = f"REVOKE {usage} FROM {ident(grantor)}"
    return [grantor, *filter(None, [owner])], [let_in, *named, shut_out]
