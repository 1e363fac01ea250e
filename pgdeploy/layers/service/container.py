"""One container as the spec has it: what follows from its kind, and the files that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.layers.service.redis.files import acl_file, conf_file
from pgdeploy.local.path import read_named
from pgdeploy.model.service import RedisService

if TYPE_CHECKING:
    from pgdeploy.model.service import AnyService, ServicesSpec
    from pgdeploy.model.spec import Spec

SECRETS = "/run/secrets"
"""Where each container has the volume of its files."""
CERTIFICATE, KEY = "tls.crt", "tls.key"
SUPERUSER = "superuser"
CONF, ACL = "redis.conf", "users.acl"
FIRST_WITH_FOLDER = 18
"""From this version on the official image keeps its data in a folder of the version."""

CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID")
"""What the official images' entrypoints need to become the server's user; the server itself has none."""


@dataclass(frozen=True, slots=True)
class Container:
    """A service of a project. `major` is that of PostgreSQL."""

    project: str
    name: str
    spec: AnyService
    major: int

    @property
    def label(self) -> str:
        """As ids show it."""
        return f"service[{self.name}]"

    @property
    def container(self) -> str:
        """What the engine calls it."""
        return f"{self.project}-{self.name}-1"

    @property
    def os_user(self) -> str:
        """Whom its server runs as."""
        return "redis" if isinstance(self.spec, RedisService) else "postgres"

    @property
    def port(self) -> int:
        """Of the server in it."""
        return 6379 if isinstance(self.spec, RedisService) else 5432

    @property
    def data(self) -> str:
        """Where its volume of data is in it."""
        if isinstance(self.spec, RedisService):
            return "/data"
        usual = "/var/lib/postgresql" + ("" if self.major >= FIRST_WITH_FOLDER else "/data")
        return self.spec.data or usual

    @property
    def volumes(self) -> Mapping[str, str]:
        """By its folder in the container, the name of a volume in the project."""
        return {self.data: f"{self.name}-data", SECRETS: f"{self.name}-secrets"}

    def volume(self, folder: str) -> str:
        """What the engine calls a volume."""
        if folder == self.data and self.spec.volume is not None:
            return self.spec.volume
        return f"{self.project}_{self.volumes[folder]}"

    @property
    def image(self) -> str:
        """With its digest, where the spec has one."""
        return f"{self.spec.image}@{self.spec.digest}" if self.spec.digest else self.spec.image

    @property
    def command(self) -> tuple[str, ...]:
        """The server's program with its arguments."""
        if isinstance(self.spec, RedisService):
            return "redis-server", f"{SECRETS}/{CONF}"
        tls = {"ssl": "on", "ssl_cert_file": f"{SECRETS}/{CERTIFICATE}", "ssl_key_file": f"{SECRETS}/{KEY}"}
        settings = tls if self.spec.tls is not None else {}
        return "postgres", *(word for key, value in settings.items() for word in ("-c", f"{key}={value}"))

    @property
    def environment(self) -> dict[str, str]:
        """Beside the image's own; none of it is secret."""
        if isinstance(self.spec, RedisService):
            return dict(self.spec.environment)
        known = {"POSTGRES_USER": self.spec.superuser, "POSTGRES_PASSWORD_FILE": f"{SECRETS}/{SUPERUSER}"}
        known |= {"POSTGRES_INITDB_ARGS": "--data-checksums"}
        return known | dict(self.spec.environment)

    @property
    def question(self) -> tuple[str, ...]:
        """How the engine asks whether it is healthy. The server of a first start, which lets nobody in, has no TCP."""
        if isinstance(self.spec, RedisService):
            tls = " --tls --insecure" if self.spec.tls is not None else ""
            return "CMD-SHELL", f"redis-cli{tls} ping | grep -q -e PONG -e NOAUTH"
        return "CMD", "pg_isready", "-q", "-h", "127.0.0.1", "-U", self.spec.superuser

    @property
    def file_names(self) -> tuple[str, ...]:
        """Of the files that it is given."""
        own = (CONF, ACL) if isinstance(self.spec, RedisService) else (SUPERUSER,)
        return *own, *((CERTIFICATE, KEY) if self.spec.tls is not None else ())

    def files(self) -> dict[str, bytes]:
        """The files that it is given, by name.

        Raises:
            SecretError, TargetError: a secret or a certificate cannot be had.
        """
        found: dict[str, bytes] = {}
        if isinstance(self.spec, RedisService):
            found[CONF] = conf_file(self.spec, SECRETS).encode()
            found[ACL] = acl_file(self.spec).encode()
        else:
            found[SUPERUSER] = self.spec.password.read().reveal().encode()
        if self.spec.tls is not None:
            found[CERTIFICATE] = read_named(Path(self.spec.tls.certificate)).encode()
            found[KEY] = self.spec.tls.key.read().reveal().encode() + b"\n"
        return found

    def digests(self) -> dict[str, str]:
        """The digest of each; raises as `files` does."""
        return {name: sha256(data).hexdigest() for name, data in self.files().items()}


def containers(spec: Spec, section: ServicesSpec) -> tuple[Container, ...]:
    """Every service of a spec."""
    return tuple(
        Container(section.project, name, service, spec.postgres)
        for name, service in section.containers.items()
    )
