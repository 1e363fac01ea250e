"""Where things are on a Debian host: all paths and names that follow from the spec, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from posixpath import join, normpath
from typing import TYPE_CHECKING

from pgdeploy.layers.server.settingvalue import offline
from pgdeploy.model.host.need import needs
from pgdeploy.model.host.spec import HostSpec
from pgdeploy.model.setting import SettingValue
from pgdeploy.postgres.parameter import parameters
from pgdeploy.postgres.values import ValueProblem, canonical, conf_text
from pgdeploy.postgres.wordlist import split_paths

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec

RELEASES = {"bookworm": 15, "trixie": 17, "jammy": 14, "noble": 16}
"""Debian 12 and 13, Ubuntu 22.04 and 24.04, and the PostgreSQL that each has itself."""
EXPORTER_PACKAGE = "prometheus-postgres-exporter"
"""Debian's, whose unit has its name."""
EXPORTER_UNIT = f"{EXPORTER_PACKAGE}.service"
EXPORTER_PASSWORD = "/etc/prometheus/pgdeploy-exporter-password"  # noqa: S105 - its path
FIREWALL_FILE = "/etc/nftables.d/pgdeploy.nft"
PGDG_KEY = "/usr/share/postgresql-common/pgdg/apt.postgresql.org.asc"
"""Where Debian's own signed postgresql-common has PGDG's key: nothing on the network is trusted for it."""
MIRROR_KEY = "/etc/apt/keyrings/pgdeploy.asc"
PGDG = "https://apt.postgresql.org/pub/repos/apt"


@dataclass(frozen=True)
class Layout:
    """The paths of one spec's cluster."""

    spec: Spec

    @property
    def host(self) -> HostSpec:
        return self.spec.host or HostSpec()

    @property
    def major(self) -> int:
        return self.spec.postgres

    @property
    def cluster(self) -> str:
        return self.host.cluster.name

    @property
    def unit(self) -> str:
        return f"postgresql@{self.major}-{self.cluster}.service"

    @property
    def config_folder(self) -> str:
        return f"/etc/postgresql/{self.major}/{self.cluster}"

    @property
    def settings_file(self) -> str:
        return f"{self.config_folder}/conf.d/pgdeploy.conf"

    @property
    def disks_file(self) -> str:
        return f"/etc/systemd/system/{self.unit}.d/pgdeploy-disks.conf"

    @property
    def hba_file(self) -> str:
        return f"{self.config_folder}/pg_hba.conf"

    @property
    def ident_file(self) -> str:
        return f"{self.config_folder}/pg_ident.conf"

    @property
    def certificate(self) -> str:
        return f"{self.config_folder}/pgdeploy.crt"

    @property
    def key(self) -> str:
        return f"{self.config_folder}/pgdeploy.key"

    @property
    def binaries(self) -> str:
        return f"/usr/lib/postgresql/{self.major}/bin"

    @property
    def data_directory(self) -> str:
        declared = self.spec.settings.get("data_directory")
        return str(declared) if declared else f"/var/lib/postgresql/{self.major}/{self.cluster}"

    @property
    def log_directory(self) -> str:
        folder = str(self.spec.settings.get("log_directory", "log"))
        return normpath(join(self.data_directory, folder))

    @property
    def disk_mounts(self) -> dict[str, str]:
        """The mount points of the VM's disks, by the disks' names."""
        vm = self.spec.vm
        return {name: disk.mount for name, disk in vm.disks.items() if disk.mount} if vm is not None else {}

    def disk_under(self, path: str) -> str | None:
        """The disk of the VM that a path is on, as far as the spec says."""
        under = [name for name, mount in self.disk_mounts.items() if f"{path}/".startswith(f"{mount}/")]
        return max(under, key=lambda name: len(self.disk_mounts[name]), default=None)

    @property
    def port(self) -> int:
        """As the server reads it; 5432 for one that it would refuse, and that the loader has spoken of."""
        return self._number("port", 5432)

    def _number(self, setting: str, default: int) -> int:
        """In the server's own unit."""
        value = offline(setting, self.spec.settings.get(setting, default))
        try:
            return int(str(canonical(value, parameters(self.major)[setting])))
        except ValueProblem:
            return default

    @property
    def socket_folder(self) -> str:
        folders = self.spec.settings.get("unix_socket_directories", "/var/run/postgresql")
        known = split_paths(
            conf_text(
                offline("unix_socket_directories", folders), parameters(self.major)["unix_socket_directories"]
            )
        )
        return known[0] if known else ""

    @property
    def ssh_port(self) -> int:
        ssh = self.spec.ssh
        return (ssh.port if ssh else None) or 22

    @cached_property
    def settings(self) -> dict[str, SettingValue]:
        """The settings as the server gets them: those of the spec, and those that its other sections ask for."""
        found = dict(self.tls_settings)
        for section in needs(self.spec):
            found |= section.host_settings
        return found | dict(self.spec.settings)

    @property
    def tls_settings(self) -> dict[str, SettingValue]:
        tls = self.host.tls
        if tls is None:
            return {}
        return {
            "ssl": True,
            "ssl_cert_file": self.certificate,
            "ssl_key_file": self.key,
            "ssl_min_protocol_version": tls.minimum,
        }

    @cached_property
    def listen_addresses(self) -> tuple[str, ...]:
        """Addresses that PostgreSQL is to listen on: `*`, names, addresses; none: no TCP at all."""
        text = self.spec.settings.get("listen_addresses", "localhost")
        words = text if isinstance(text, tuple) else str(text).split(",")
        return tuple(word.strip() for word in words if word.strip())

    @property
    def shared_buffers(self) -> int:
        """In bytes."""
        return self._number("shared_buffers", 16384) * 8192

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that the spec asks for, PostgreSQL's own first."""
        names = [f"postgresql-{self.major}", f"postgresql-client-{self.major}", *self.host.packages.extra]
        if self.host.exporter is not None and self.host.exporter.run == "service":
            names.append(EXPORTER_PACKAGE)
        if self.host.firewall is not None:
            names.append("nftables")
        if self.host.time_sync is not None:
            names.append(self.host.time_sync)
        for section in needs(self.spec):
            names += section.host_packages
        return tuple(names)

    @property
    def held(self) -> tuple[str, ...]:
        """The packages that are held."""
        return (f"postgresql-{self.major}",) if self.host.packages.hold else ()
