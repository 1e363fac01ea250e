"""PGD61x: roles that can become more than they seem, and what the spec looks away from."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.layers.server.membership import of
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.text.naming import quoted_name

_MEMBERSHIP = documentation("Role Membership", "role-membership")
_ATTRIBUTES = documentation("Role Attributes", "role-attributes")
_PREDEFINED = documentation("Predefined Roles", "predefined-roles")
_CIS = 'CIS PostgreSQL Benchmark, "Ensure excessive administrative privileges are revoked"'

_HOST_ROLES = ("pg_execute_server_program", "pg_write_server_files", "pg_read_server_files")


@rule("PGD611", Severity.NOTE, "a membership with ADMIN OPTION", f"{_MEMBERSHIP}; {_CIS}")
def admin_option(subject: Subject) -> Iterator[Hit]:
    """Who has ADMIN OPTION on a role may give it to others and take it away from them, itself
    included, and so decides about rights that this spec is meant to decide about. Memberships given
    that way are drift here, and will be taken back by the next apply. It is right for somebody who
    runs a team's group role by hand; then say so in a waiver. Otherwise leave `admin` out: this tool
    grants as its own role."""
    for role, body in subject.roles.items():
        for index, entry in enumerate(of(body)):
            if entry.admin:
                group = quoted_name(entry.role)
                message = (
                    f"{quoted_name(role)} may give {group} to anybody; leave `admin` out unless it is meant"
                )
                address = f"membership[{quoted_name(role)} in {quoted_name(entry.role)}]"
                yield Hit(address, ("roles", role, "member_of", index, "admin"), message)


@rule("PGD612", Severity.WARNING, "CREATEROLE before 16 is nearly superuser", f"{_ATTRIBUTES}; {_CIS}")
def createrole(subject: Subject) -> Iterator[Hit]:
    """Up to PostgreSQL 15 a role with CREATEROLE may make itself a member of any role that is not
    superuser, change any such role's password and drop it, whoever made it. Among these roles is
    pg_execute_server_program, which runs programs as the server's user and so leads to everything. From
    16 it is limited to roles on which it has ADMIN OPTION. Take it away and let this tool make the roles,
    or treat whoever has it as a superuser, also in `hba:`."""
    for role, body in subject.roles.items():
        if subject.spec.postgres < 16 and body.createrole and not body.superuser:
            message = (
                f"in PostgreSQL {subject.spec.postgres} it can become any role but a superuser; leave it out"
            )
            yield Hit(f"role[{quoted_name(role)}]", ("roles", role, "createrole"), message)


@rule("PGD613", Severity.WARNING, "a membership that reaches the host", f"{_PREDEFINED}; {_CIS}")
def host_access(subject: Subject) -> Iterator[Hit]:
    """pg_execute_server_program runs any program as the server's user; pg_write_server_files writes
    any file that user may write, pg_hba.conf and the data itself among them; pg_read_server_files
    reads them, private keys too. PostgreSQL checks no other privilege on that way, so each of them can
    be turned into superuser. Use COPY ... FROM STDIN and psql's \\copy, which need none of this, or a
    SECURITY DEFINER function that does the one thing that is needed. Superusers have it all anyway and
    are not spoken of."""
    for role, body in subject.roles.items():
        for index, entry in enumerate(of(body)):
            if entry.role in _HOST_ROLES and not body.superuser:
                message = f"{entry.role} makes {quoted_name(role)} as good as superuser; leave it out"
                address = f"membership[{quoted_name(role)} in {entry.role}]"
                yield Hit(address, ("roles", role, "member_of", index), message)


@rule(
    "PGD614",
    Severity.NOTE,
    "undeclared roles or databases are ignored",
    "the spec's own `undeclared:`; CIS Controls v8, 5.1 (inventory of accounts)",
)
def looking_away(subject: Subject) -> Iterator[Hit]:
    """With `ignore` the gate is green whatever else the server has: an account that somebody made by
    hand, one of a colleague who left, a copy of a database. A spec that does not see them cannot say that
    the server is what it must be. `report` names them and stays green; `drift` makes them red. Undeclared
    superusers are drift in any case. On a server that is shared with others who look after their own
    roles, ignore is right; say so in a waiver."""
    for kind in ("roles", "databases"):
        if getattr(subject.spec.undeclared, kind) == "ignore":
            message = f"{kind} that the spec does not name are never seen; write report, or drift"
            yield Hit(f"{kind[:-1]}[others]", ("undeclared", kind), message)


RULES = (admin_option, createrole, host_access, looking_away)
