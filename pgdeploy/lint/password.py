"""PGD5xx: passwords that are weak, missing, past, useless or logged."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.lint.hba_match import PASSWORD_METHODS, ways
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.postgres.moment import NEVER_ENDS, timestamp
from pgdeploy.text.naming import quoted_name

_PASSWORD = documentation("Password Authentication", "auth-password")
_CREATE_ROLE = documentation("CREATE ROLE", "sql-createrole")
_LOGGING = documentation("Error Reporting and Logging", "runtime-config-logging")


@rule("PGD501", Severity.WARNING, "password_encryption is md5", _PASSWORD)
def md5_stored(subject: Subject) -> Iterator[Hit]:
    """Passwords that users set themselves are then stored as an MD5 hash, which is guessed quickly and is
    by itself enough to log in. A rule with the method scram-sha-256 refuses such a password, so its owner
    is locked out by changing it. PostgreSQL 18 warns that MD5 passwords will go. Write scram-sha-256, the
    default since 14, and have the passwords that are stored as MD5 set again; what this tool sets is
    SCRAM anyway."""
    for written in subject.everywhere("password_encryption"):
        if written.value == "md5":
            yield Hit(written.address, written.keys, "new passwords are stored as MD5; write scram-sha-256")


@rule("PGD502", Severity.WARNING, "a role logs in by password only, and the spec gives it none", _PASSWORD)
def no_password(subject: Subject) -> Iterator[Hit]:
    """Every rule of `hba:` by which this role can come asks for its password, and the spec does not say
    which. On a new server the role has none, and cannot log in; on an old one nobody checks what it is.
    Write `password:` as a reference ({env: NAME}, {file: PATH} or {command: [...]}), or a rule by which
    it comes without one: peer, cert, gss. A role that nobody logs in as should have `login: false`."""
    for role, body in subject.roles.items():
        if not body.login or body.password is not None:
            continue
        methods = [way.method for _, way in ways(subject, role)]
        if methods and all(method in PASSWORD_METHODS for method in methods):
            asked = ", ".join(dict.fromkeys(methods))
            message = (
                f"it may log in, hba asks for its password ({asked}), and there is none; write `password:`"
            )
            yield Hit(f"role[{quoted_name(role)}]", ("roles", role), message)


@rule("PGD503", Severity.WARNING, "valid_until is past", _CREATE_ROLE)
def expired(subject: Subject) -> Iterator[Hit]:
    """VALID UNTIL ends the password, not the role: from then on a login by password fails with the same
    message as a wrong password, which is hard to understand for whoever it happens to. Sessions that are
    open stay open, and peer, cert or gss still let the role in. If the role is to go, write `login:
    false` or `state: absent`; if it is to stay, give it a new password and a new date. A role's end a few
    weeks ahead is worth an entry in somebody's calendar, too."""
    for role, body in subject.roles.items():
        end = timestamp(body.valid_until) if body.valid_until is not None else NEVER_ENDS
        if end <= timestamp(subject.today):
            message = f"its password ended on {str(end)[:10]}; write a later date, or `login: false`"
            yield Hit(f"role[{quoted_name(role)}]", ("roles", role, "valid_until"), message)


@rule("PGD504", Severity.NOTE, "a password for a role that cannot log in", _CREATE_ROLE)
def useless_password(subject: Subject) -> Iterator[Hit]:
    """CREATE ROLE makes a role that cannot log in unless LOGIN is said, and the spec does not say `login:
    true` here. Its password is then kept, rotated and guarded for nothing, and works at once when
    somebody gives the role LOGIN some day. Write `login: true` if it is to log in, or leave the password
    out."""
    for role, body in subject.roles.items():
        if body.password is not None and not body.login:
            message = "it has a password and no `login: true`; write that, or leave the password out"
            yield Hit(f"role[{quoted_name(role)}]", ("roles", role, "password"), message)


@rule(
    "PGD505",
    Severity.NOTE,
    "the log can hold passwords",
    f"{_LOGGING}; {_CREATE_ROLE}",
)
def logged(subject: Subject) -> Iterator[Hit]:
    """log_statement ddl, mod and all write every CREATE ROLE and ALTER ROLE to the log as it was sent,
    and so does log_min_duration_statement 0 with every statement; a password in it stands there in clear,
    and goes wherever logs go. This tool sends SCRAM verifiers and psql's \\password does too, but people
    type ALTER ROLE ... PASSWORD '...' by hand. An audit of DDL is a good reason to log it (the CIS
    Benchmark asks for log_statement ddl): then guard the log like the passwords, tell people to use
    \\password, and say so in a waiver."""
    for written in subject.everywhere("log_statement"):
        if written.value != "none":
            message = (
                f"{written.value} logs ALTER ROLE ... PASSWORD '...' as typed; guard the log, use \\password"
            )
            yield Hit(written.address, written.keys, message)
    for written in subject.everywhere("log_min_duration_statement"):
        if written.value == 0 and not isinstance(written.value, bool):
            message = "0 logs every statement, passwords and all; write what is slow, such as 250ms"
            yield Hit(written.address, written.keys, message)


RULES = (md5_stored, no_password, expired, useless_password, logged)
