"""PGD41x: how one proves who one is."""

from __future__ import annotations

from collections.abc import Iterator

from pgdeploy.lint.hba_match import addressed
from pgdeploy.lint.rule import Hit, Severity, documentation, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.text.naming import quoted_name
from pgdeploy.text.problem import near_misses

_PASSWORD = documentation("Password Authentication", "auth-password")


def _method(subject: Subject, method: str, message: str, *, remote: bool = False) -> Iterator[Hit]:
    for index, address, entry in addressed(subject):
        if entry.method == method and (entry.type != "local" or not remote):
            yield Hit(address, ("hba", index, "method"), message)


@rule(
    "PGD411",
    Severity.ERROR,
    "trust lets anybody in",
    f"{documentation('Trust Authentication', 'auth-trust')}; CIS PostgreSQL Benchmark, section on login",
)
def trust(subject: Subject) -> Iterator[Hit]:
    """With trust whoever reaches the server is whoever they say, superusers included. On the socket that
    is every process of the host; on 127.0.0.1 it is every process, container with host networking and
    forwarded port. Use peer for the socket, which asks the operating system, and scram-sha-256 or cert
    for TCP. For tools without a terminal there are password files (~/.pgpass) and client certificates."""
    yield from _method(subject, "trust", "anybody may be any role; write peer (local) or scram-sha-256")


@rule("PGD412", Severity.ERROR, "method password sends passwords in clear", _PASSWORD)
def clear_password(subject: Subject) -> Iterator[Hit]:
    """With the method password the client sends the password itself: in clear on a connection without
    TLS, and to whoever plays the server on one with TLS that does not check certificates. scram-sha-256
    proves on both sides that they know it, without sending it. All drivers of the last years can do that,
    and roles whose passwords are stored as SCRAM need no change. Write scram-sha-256."""
    yield from _method(subject, "password", "the password itself is sent; write scram-sha-256")


@rule("PGD413", Severity.WARNING, "method md5 is weak and on its way out", _PASSWORD)
def md5(subject: Subject) -> Iterator[Hit]:
    """An MD5 hash of password and role name can be guessed quickly, and the stored hash itself is enough
    to log in: a stolen backup or copy of pg_authid is as good as the passwords. PostgreSQL 18 warns that
    MD5 passwords will go. The method md5 lets passwords stored as SCRAM log in by SCRAM, so while a
    server moves nobody is locked out; but it also lets a weak one stay. Once every password is stored as
    SCRAM, write scram-sha-256."""
    yield from _method(
        subject,
        "md5",
        "passwords stored as MD5 can come in, and those leak; write scram-sha-256",
    )


@rule(
    "PGD414",
    Severity.WARNING,
    "ident over the network believes the client's machine",
    documentation("Ident Authentication", "auth-ident"),
)
def ident(subject: Subject) -> Iterator[Hit]:
    """Over TCP the method ident asks a service on the client's own machine who its user is, over a
    connection that is neither encrypted nor proved. Whoever is administrator there, or holds that
    address, is anybody. The documentation says itself that it is no protocol for authorization. Write
    scram-sha-256, cert or gss; on a local rule, ident means peer and is fine."""
    yield from _method(
        subject,
        "ident",
        "the client's machine says who it is; write scram-sha-256 or cert",
        remote=True,
    )


@rule(
    "PGD415",
    Severity.WARNING,
    "a rule names a user name map that the spec does not have",
    documentation("User Name Maps", "auth-username-maps"),
)
def unknown_map(subject: Subject) -> Iterator[Hit]:
    """With `map=` a rule of pg_hba.conf asks pg_ident.conf which role a user of the system may be. Of a map
    that has no line there PostgreSQL lets in nobody, and of one that somebody else wrote there nobody knows
    whom: a line more makes a superuser of any user. With `ident:` the file holds exactly what the spec says,
    so a map that it does not have is a slip, or will be gone with the next deploy. Write its lines:
    `ident: [{map: admins, system: alice, role: postgres}]`."""
    known = {line.map for line in subject.spec.ident or ()}
    for index, address, entry in addressed(subject):
        said = entry.options.get("map")
        if isinstance(said, str) and said not in known:
            near = near_misses(said, known, 1)
            hint = f"did you mean {quoted_name(near[0])}?" if near else "write its lines under ident:"
            message = f"the map {quoted_name(said)} has no line in the spec; {hint}"
            yield Hit(address, ("hba", index, "options", "map"), message)


RULES = (trust, clear_password, md5, ident, unknown_map)
