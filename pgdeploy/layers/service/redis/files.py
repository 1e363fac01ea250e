"""The files of a Redis: redis.conf and the users, whose passwords stand there as digests alone."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from pgdeploy.layers.service.redis.acl import EVERYTHING

if TYPE_CHECKING:
    from pgdeploy.model.service import RedisService
    from pgdeploy.secret.reference import SecretRef


def conf_file(spec: RedisService, folder: str) -> str:
    """redis.conf; `folder` is where it stands."""
    lines = ["dir /data", f"aclfile {folder}/users.acl"]
    if spec.tls is None:
        lines.append("port 6379")
    else:
        lines += ["port 0", "tls-port 6379", "tls-auth-clients no"]
        lines += [f"tls-cert-file {folder}/tls.crt", f"tls-key-file {folder}/tls.key"]
    lines += [f"{name} {written(value)}" for name, value in spec.settings.items()]
    return "\n".join(lines) + "\n"


def written(value: bool | int | str) -> str:
    """A value as redis.conf and CONFIG SET have it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) or '""'


def acl_file(spec: RedisService) -> str:
    """The users, one a line."""
    lines = [f"user default on {digest(spec.password)} {EVERYTHING}"]
    lines += [
        f"user {name} on {digest(user.password)} {' '.join(user.rules.split())}"
        for name, user in spec.users.items()
    ]
    return "\n".join(lines) + "\n"


def digest(reference: SecretRef) -> str:
    """A password as Redis keeps it. Raises SecretError."""
    return "#" + sha256(reference.read().reveal().encode()).hexdigest()
