"""Probes of logins: a role comes in with its secret, not with a wrong password, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pgdeploy.core.check import Check, Outcome
from pgdeploy.core.facts import Facts
from pgdeploy.errors import Inapplicable
from pgdeploy.layers.server.login.attempt import Attempt
from pgdeploy.layers.server.login.session import server_of, session
from pgdeploy.layers.server.probes import admission
from pgdeploy.layers.server.probes.admission import Undecided, deciding
from pgdeploy.layers.server.probes.lockout import Room, as_asked, lockouts, rooms
from pgdeploy.layers.server.probes.password_login import PasswordLogin, Tried, password_logins
from pgdeploy.layers.server.probes.statement import sql
from pgdeploy.layers.server.probes.way_in import TRUST, untried, way
from pgdeploy.layers.server.resource import ServerResource
from pgdeploy.layers.server.rolefact import absent, roles
from pgdeploy.model.role import RoleSpec
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.model.hba import HbaRuleSpec
    from pgdeploy.model.spec import Spec


@dataclass(frozen=True, slots=True, eq=False)
class Login(ServerResource):
    """A role that logs in with its password."""

    kind: ClassVar[str] = "role"
    spec: RoleSpec
    door: PasswordLogin
    whole: Spec
    rooms: tuple[Room, ...]
    """Where the spec gives it something."""

    def checks(self) -> Iterator[Check]:
        address, keys = f"role[{quoted_name(self.door.role)}]", ("roles", self.door.role, "password")
        yield Check(self, address, "logs_in", keys, self._compare_right, "probe")
        yield Check(self, address, "refuses_wrong_password", keys, self._compare_wrong, "probe")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        server_of(facts)
        return absent(self.door.role, facts)

    def _compare_right(self, facts: Facts) -> Outcome:
        if asked := as_asked(self.spec, facts.once(roles)[self.door.role]):
            raise Inapplicable(asked)
        if reasons := list(lockouts(facts, self.door.role, self.rooms)):
            desired = f"logs in with the secret in {self.door.password.describe()}"
            return Outcome(False, desired, f"locked out: {listing(reasons)}")
        try:
            ours = self._by_our_way(facts)
        except Inapplicable:
            if self.spec.has_ended or (tcp := self.door.by_tcp(facts)) is None:
                raise
            return self._met(tcp, facts)
        if not ours.conforms or self.spec.has_ended:
            return ours
        tcp = self.door.by_tcp(facts)
        return ours if tcp is None else self._met(tcp, facts)

    def _met(self, tcp: Tried, facts: Facts) -> Outcome:
        """How it was met by TCP; the way of applications counts, when it was tried."""
        role, where = self.door.role, f"{quoted_name(tcp.database)} by TCP ({tcp.network.server.address})"
        if not tcp.attempt.entered and _full(facts, role, tcp.database):
            raise Inapplicable(f"no connection is free: {tcp.attempt.words}")
        desired = f"logs in to {where} with the secret in {self.door.password.describe()}"
        note = untried(facts, role, tcp.database, [tcp.network.way]) if tcp.attempt.entered else ""
        return Outcome(tcp.attempt.entered, desired, _text(tcp.attempt), note=note)

    def _by_our_way(self, facts: Facts) -> Outcome:
        database, right = self.door.right(facts)
        if self.spec.has_ended:  # and the server's end of it is not
            desired = f"refused: its password ended on {self.spec.valid_until}"
            return Outcome(not right.entered, desired, _text(right))
        if not right.entered and self.door.is_right(facts, right) and _full(facts, self.door.role, database):
            raise Inapplicable(f"the secret is its password, but no connection is free: {right.words}")
        desired = f"logs in to {quoted_name(database)} with the secret in {self.door.password.describe()}"
        note = untried(facts, self.door.role, database) if right.entered else ""
        return Outcome(right.entered, desired, _text(right), note=note)

    def _compare_wrong(self, facts: Facts) -> Outcome:
        desired = "refused with a wrong password"
        if trusting := self._trusting(facts):
            raise Inapplicable(
                f"the spec itself trusts {quoted_name(self.door.role)} here: hba[{trusting.match.text}]"
            )
        role, database, wrong = self.door.wrong(facts)
        if role != self.door.role:
            desired += f" (tried once, as {quoted_name(role)}: the same method decides)"
        if wrong.entered:
            why = "" if wrong.asked else ": pg_hba.conf trusts it"
            return Outcome(False, desired, f"let in to {quoted_name(database)} with a wrong password{why}")
        return Outcome(True, desired, _text(wrong))

    def _trusting(self, facts: Facts) -> HbaRuleSpec | None:
        """The rule of the spec that lets it in without a password on our way, where the server does so too."""
        database, how = self.door.place(facts)
        here = facts.once(way)
        try:
            rule = deciding(self.whole, admission.Login(self.door.role, database, here.client, here.tls))
        except Undecided:
            return None
        return rule if how == TRUST and rule is not None and rule.method == TRUST else None


@dataclass(frozen=True, slots=True)
class NoLogin(ServerResource):
    """A role with `login: false`; without a secret a refusal would prove nothing."""

    kind: ClassVar[str] = "role"
    role: str
    door: PasswordLogin | None

    def checks(self) -> Iterator[Check]:
        keys = ("roles", self.role, "login")
        yield Check(self, f"role[{quoted_name(self.role)}]", "cannot_log_in", keys, self._compare, "probe")

    def blocked_by(self, facts: Facts, check: Check) -> str | None:
        server_of(facts)
        return absent(self.role, facts)

    def _compare(self, facts: Facts) -> Outcome:
        if self.door is None:
            raise Inapplicable("the spec gives it no password, so a refusal would prove nothing")
        shut = facts.once(_shut)
        shown = next(iter(shut), None)
        if shown not in (None, self.role) and not facts.once(roles)[self.role].login:
            # the server refuses every NOLOGIN alike, and each refusal is a failed login in its log
            return Outcome(
                True, f"refused: NOLOGIN (tried once, as {quoted_name(shown or '')})", "refused: NOLOGIN"
            )
        _, right = self.door.right(facts)
        if not self.door.is_right(facts, right):
            raise Inapplicable("the secret is not its password, so the refusal proves nothing")
        if not right.entered:
            shut.setdefault(self.role, right)
        return Outcome(not right.entered, "refused", _text(right))


def _shut(facts: Facts) -> dict[str, Attempt]:
    """Roles without LOGIN of which it was shown that they stay out."""
    return {}


def _text(tried: Attempt) -> str:
    return "logged in" if tried.entered else f"refused: {tried.words}"


def _full(facts: Facts, role: str, database: str) -> bool:
    """Whether a limit on connections is reached: of the role, the database or the server."""
    with session(facts) as connection:
        row = connection.execute(sql("is_full"), [role, database]).fetchone()
        return row is not None and bool(row[0])


def probes(spec: Spec) -> Iterator[ServerResource]:
    known, inside = password_logins(spec), rooms(spec)
    for role, body in spec.roles.items():
        if body.state == "present" and body.login and role in known:
            yield Login(body, known[role], spec, inside[role])
        elif body.state == "present" and body.login is False:
            yield NoLogin(role, known.get(role))
