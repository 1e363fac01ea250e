"""Users, API tokens, and who may do what: access lists, and the permission expressions of the description."""

from __future__ import annotations

import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.simulators.proxmox.refusal import Forbidden, Refusal

ROOT = "root@pam"

Acl = Mapping[str, Collection[str]]
"""Privileges by path; they hold below it too, until a longer path has an entry of its own."""

ADMINISTRATOR: Acl = {
    "/vms": (
        *("VM.Allocate", "VM.Audit", "VM.Clone", "VM.Migrate", "VM.PowerMgmt"),
        *("VM.Config.CDROM", "VM.Config.CPU", "VM.Config.Cloudinit", "VM.Config.Disk", "VM.Config.HWType"),
        *("VM.Config.Memory", "VM.Config.Network", "VM.Config.Options"),
        *("VM.GuestAgent.Audit", "VM.GuestAgent.FileRead"),
    ),
    "/storage": ("Datastore.AllocateSpace", "Datastore.Audit"),
    "/sdn/zones/localnetwork": ("SDN.Audit", "SDN.Use"),
    "/nodes": ("Sys.Audit",),
}
"""What it takes to make, change, run and remove machines, and no more."""


@dataclass
class Token:
    """`own` is None when the token has all that its user has (no privilege separation)."""

    user: str
    name: str
    secret: str
    own: Acl | None

    @property
    def id(self) -> str:
        return f"{self.user}!{self.name}"


@dataclass
class Access:
    """`users` are the access lists of users; None is everything, as for root@pam."""

    unified: bool = True
    """Whether a refused token is told no more than `Authentication failed!`, as since PVE 9.2."""
    users: dict[str, Acl | None] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    pools: set[str] = field(default_factory=set)

    def token(self, user: str, name: str, own: Acl | None, users: Acl | None) -> str:
        secret = str(uuid.uuid4())
        self.users[user] = users
        token = Token(user, name, secret, own)
        self.tokens[token.id] = token
        return secret

    def authenticate(self, header: str | None) -> str:
        """The user that a request counts for."""
        match = re.fullmatch(r"PVEAPIToken[ =](.*)", header or "")
        if not match:
            raise Refusal("No ticket", 401)
        try:
            return self._verify(match[1])
        except Refusal as refusal:
            raise Refusal("Authentication failed!", 401) if self.unified else refusal from None

    def _verify(self, text: str) -> str:
        identity, equals, secret = text.rpartition("=")
        if not equals:
            raise Refusal("no tokenid specified", 401)
        user, separator, name = identity.partition("!")
        if not separator:
            raise Refusal(f"token ID '{identity}' has invalid format", 401)
        if user not in self.users:
            raise Refusal(f"no such user ('{user}')", 401)
        token = self.tokens.get(identity)
        if token is None:
            raise Refusal(f"no such token '{name}' for user '{user}'", 401)
        if token.secret != secret:
            raise Refusal("invalid token value!", 401)
        return identity

    def privileges(self, who: str, path: str) -> frozenset[str] | None:
        """What this user or token may do there; None is everything."""
        if who == ROOT:
            return None
        token = self.tokens.get(who)
        if token is None:
            return _at(self.users.get(who, {}), path)
        users = None if token.user == ROOT else _at(self.users.get(token.user, {}), path)
        own = users if token.own is None else _at(token.own, path)
        if users is None or own is None:
            return own if users is None else users
        return users & own

    def may(self, who: str, path: str, wanted: Sequence[str], *, some: bool = False) -> bool:
        return self.refusal(who, path, wanted, some=some) is None

    def refusal(self, who: str, path: str, wanted: Sequence[str], *, some: bool = False) -> Forbidden | None:
        held = self.privileges(who, path)
        if held is None:
            return None
        missing = [privilege for privilege in wanted if privilege not in held]
        if some:
            return Forbidden(f"{path}, {'|'.join(wanted)}") if len(missing) == len(wanted) else None
        return Forbidden(f"{path}, {missing[0]}") if missing else None

    def demand(self, who: str, path: str, *wanted: str, some: bool = False) -> None:
        refusal = self.refusal(who, path, wanted, some=some)
        if refusal:
            raise refusal

    def permit(self, permissions: Mapping[str, Any] | None, who: str, parameters: Mapping[str, str]) -> None:
        """Hold a request against what the description demands of its user."""
        if who == ROOT:
            return
        if not permissions:
            raise Forbidden("user != root@pam")
        if permissions.get("user") == "all":
            return
        check = permissions.get("check")
        refusal = self._judge(check, who, parameters) if check else Forbidden()
        if refusal:
            raise refusal

    def _judge(self, check: Sequence[Any], who: str, parameters: Mapping[str, str]) -> Forbidden | None:
        kind, *rest = check
        if kind == "and":
            return next((bad for bad in (self._judge(sub, who, parameters) for sub in rest) if bad), None)
        if kind == "or":
            return None if any(self._judge(sub, who, parameters) is None for sub in rest) else Forbidden()
        if kind == "perm":
            return self._judge_path(rest, who, parameters)
        raise NotImplementedError(f"permission test {kind!r}")

    def _judge_path(self, rest: Sequence[Any], who: str, parameters: Mapping[str, str]) -> Forbidden | None:
        template, wanted, *more = rest
        options = dict(zip(more[::2], more[1::2], strict=True))
        required = options.get("require_param")
        if required and required not in parameters:
            return Forbidden()
        path = re.sub(r"\{([\w-]+)\}", lambda match: parameters.get(match[1], ""), template)
        return self.refusal(who, path.rstrip("/") or "/", wanted, some=bool(options.get("any")))


def _at(acl: Acl | None, path: str) -> frozenset[str] | None:
    """An entry of a longer path replaces those above it, as in Proxmox."""
    if acl is None:
        return None
    parts = path.strip("/").split("/") if path != "/" else []
    above = ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]
    entries = [acl[place] for place in above if place in acl]
    return frozenset(entries[-1]) if entries else frozenset()
