"""The files that pgdeploy writes on a host, as the spec makes them: pyinfra writes them, the gate reads them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgdeploy.layers.host.exporter_container import CONTAINER, RESTART
from pgdeploy.layers.host.layout import EXPORTER_PASSWORD, FIREWALL_FILE, MIRROR_KEY, PGDG, PGDG_KEY, Layout
from pgdeploy.layers.server import hba, ident
from pgdeploy.layers.server.settingvalue import line
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.model.host.package import MirrorSpec
from pgdeploy.postgres import postgresql_conf
from pgdeploy.postgres.parameter import parameters
from pgdeploy.secret.place import holds_secret
from pgdeploy.text import compose, data_source, deb822, environment, nft, sysctl, systemd, tmpfiles

if TYPE_CHECKING:
    from pgdeploy.model.host.exporter import ExporterSpec
    from pgdeploy.model.host.firewall import FirewallSpec
    from pgdeploy.model.spec import Spec

HEADER = "# Written by pgdeploy from the spec. What is changed here by hand is drift, and is written over.\n"

NOT_IN_CONF_D = frozenset({"data_directory", "config_file", "hba_file", "ident_file"})
"""Settings of postgresql.conf itself, as Debian's tools write it when they make the cluster."""


NOBODY = 65534
"""User and group by number: `nobody` of the official image, and of nearly every other."""


@dataclass(frozen=True, slots=True)
class HostFile:
    """One file as it must be. `mode` is octal, as chmod takes it."""

    path: str
    text: str
    owner: str = "root"
    group: str = "root"
    mode: str = "0644"


def settings_file(spec: Spec, *, reveal: bool = False) -> HostFile:
    """conf.d/pgdeploy.conf: all settings of the spec, and those that TLS asks for.

    Without `reveal` no secret is read, and masks stand for them. A file that may hold one is for the server alone.

    Raises:
        SecretError: a reference gives no secret.
    """
    layout, known = Layout(spec), parameters(spec.postgres)
    settings = {name: value for name, value in layout.settings.items() if name.lower() not in NOT_IN_CONF_D}
    lines = [
        postgresql_conf.line(name, line(name, value, known.get(name.lower()), reveal=reveal))
        for name, value in settings.items()
    ]
    mode = "0640" if any(map(holds_secret, settings)) else "0644"
    return HostFile(layout.settings_file, HEADER + "".join(lines), "postgres", "postgres", mode)


def hba_file(spec: Spec, *, reveal: bool = False) -> HostFile | None:
    """pg_hba.conf, when the spec has rules; secrets as in `settings_file`."""
    if spec.hba is None:
        return None
    return HostFile(
        Layout(spec).hba_file, HEADER + hba.render(spec.hba, reveal=reveal), "postgres", "postgres", "0640"
    )


def ident_file(spec: Spec) -> HostFile | None:
    """pg_ident.conf, when the spec has user name maps."""
    if spec.ident is None:
        return None
    return HostFile(
        Layout(spec).ident_file, HEADER + ident.render(spec.ident), "postgres", "postgres", "0640"
    )


def sources_file(spec: Spec, codename: str) -> HostFile | None:
    """The apt source, deb822, bound to its own key; None for the distribution's own packages."""
    source = Layout(spec).host.packages.source
    if source == "distribution":
        return None
    if isinstance(source, MirrorSpec):
        uri, suite, components, key = source.uri, source.suite, source.components, MIRROR_KEY
    else:
        uri, suite, components, key = PGDG, f"{codename}-pgdg", ("main",), PGDG_KEY
    text = deb822.stanza(
        {"Types": ["deb"], "URIs": [uri], "Suites": [suite], "Components": components, "Signed-By": [key]}
    )
    return HostFile("/etc/apt/sources.list.d/pgdeploy.sources", HEADER + text)


def pin_file(spec: Spec) -> HostFile:
    """apt preferences: the packages that follow the newest major are never installed, and a version is kept."""
    layout = Layout(spec)
    text = _pin(("postgresql", "postgresql-client", "postgresql-contrib"), "*", -1)
    if layout.host.packages.version is not None:
        names = f"postgresql-{layout.major}", f"postgresql-client-{layout.major}"
        text += "\n" + _pin(names, layout.host.packages.version, 1001)
    return HostFile("/etc/apt/preferences.d/pgdeploy.pref", HEADER + text)


def _pin(packages: Sequence[str], version: str, priority: int) -> str:
    return deb822.stanza({"Package": packages, "Pin": ["version", version], "Pin-Priority": [str(priority)]})


def no_cluster_file() -> HostFile:
    """Keeps Debian's package from making a cluster of its own, elsewhere and with other options."""
    return HostFile(
        "/etc/postgresql-common/createcluster.d/pgdeploy.conf", f"{HEADER}create_main_cluster = false\n"
    )


def sysctl_file(spec: Spec) -> HostFile | None:
    kernel = Layout(spec).host.kernel
    if kernel is None or not kernel.sysctl:
        return None
    lines = [sysctl.line(name, value) for name, value in kernel.sysctl.items()]
    return HostFile("/etc/sysctl.d/60-pgdeploy.conf", HEADER + "".join(lines))


def tmpfiles_file(spec: Spec) -> HostFile | None:
    """What systemd-tmpfiles does at boot and daily: transparent huge pages, old logs."""
    layout, lines = Layout(spec), []
    if layout.host.kernel is not None and (pages := layout.host.kernel.transparent_huge_pages):
        lines.append(f"w! /sys/kernel/mm/transparent_hugepage/enabled - - - - {pages}\n")
    if layout.host.keep_logs is not None:
        lines.append(tmpfiles.cleaned(layout.log_directory, round(seconds_of(layout.host.keep_logs))))
    return HostFile("/etc/tmpfiles.d/pgdeploy.conf", HEADER + "".join(lines)) if lines else None


def limits_file(spec: Spec) -> HostFile | None:
    """A drop-in of the server's unit."""
    layout = Layout(spec)
    limits = layout.host.limits
    if limits is None:
        return None
    lines = [f"LimitNOFILE={limits.open_files}\n"] if limits.open_files is not None else []
    lines += [f"OOMScoreAdjust={limits.oom_score}\n"] if limits.oom_score is not None else []
    return HostFile(
        f"/etc/systemd/system/{layout.unit}.d/pgdeploy.conf", f"{HEADER}[Service]\n{''.join(lines)}"
    )


def disks_file(spec: Spec) -> HostFile | None:
    """A drop-in of the server's unit: without the disks that it stands on it does not start, on an empty folder."""
    layout = Layout(spec)
    under = dict.fromkeys(layout.disk_under(path) for path in (layout.data_directory, layout.log_directory))
    mounts = [layout.disk_mounts[disk] for disk in under if disk is not None]
    if not mounts:
        return None
    lines = [f"RequiresMountsFor={systemd.word(mount)}\n" for mount in mounts]
    return HostFile(layout.disks_file, f"{HEADER}[Unit]\n{''.join(lines)}")


def exporter_files(spec: Spec) -> Iterator[HostFile]:
    """What tells the exporter where to listen and how to log in; the password is in a file of its own."""
    layout = Layout(spec)
    exporter = layout.host.exporter
    if exporter is None:
        return
    if exporter.run == "compose":
        yield HostFile(f"{exporter.folder}/docker-compose.yaml", _compose(exporter, layout))
        return
    yield HostFile(
        "/etc/default/prometheus-postgres-exporter", HEADER + _exporter_environment(exporter, layout)
    )
    # the unit runs as the OS user that peer authentication takes for the role
    user = systemd.assignment("User", exporter.role) if exporter.login == "peer" else ""
    folder = "/etc/systemd/system/prometheus-postgres-exporter.service.d"
    yield HostFile(f"{folder}/pgdeploy.conf", f"{HEADER}[Service]\n{user}Restart=always\nRestartSec=5\n")


def _exporter_environment(exporter: ExporterSpec, layout: Layout) -> str:
    known = {}
    if exporter.login == "peer":
        where = {"host": layout.socket_folder, "port": str(layout.port), "dbname": "postgres"}
        known["DATA_SOURCE_NAME"] = data_source.pairs({"user": exporter.role, **where})
    else:
        # the exporter's driver knows no `prefer`
        tls = "require" if layout.host.tls is not None else "disable"
        known["DATA_SOURCE_URI"] = f"localhost:{layout.port}/postgres?sslmode={tls}"
        known["DATA_SOURCE_USER"] = exporter.role
        known["DATA_SOURCE_PASS_FILE"] = EXPORTER_PASSWORD
    known["ARGS"] = f"--web.listen-address={exporter.listen}"
    return "".join(environment.assignment(name, value) for name, value in known.items())


def password_file(exporter: ExporterSpec, text: str = "") -> HostFile:
    """Where the exporter reads its password. Its text is a secret that only pyinfra has.

    Compose mounts a secret's file as it is, with the numbers of its owner and group, whatever `uid:` or `mode:` it is
    given; so the group must be the one that the exporter has in its container. On the host that group is `nogroup`,
    which others may be in: the folder lets nobody but root come near, and a mount does not go through the folder.
    """
    if exporter.run == "compose":
        return HostFile(f"{exporter.folder}/password", text, "root", "nogroup", "0640")
    return HostFile(EXPORTER_PASSWORD, text, "root", "prometheus", "0640")


def exporter_folder(exporter: ExporterSpec) -> HostFile:
    """Of docker-compose.yaml and the password: the folder, whose text is none."""
    return HostFile(exporter.folder, "", "root", "root", "0700")


def _compose(exporter: ExporterSpec, layout: Layout) -> str:
    tls = "require" if layout.host.tls is not None else "disable"
    service = {
        "image": exporter.image,
        "container_name": CONTAINER,
        "restart": RESTART,
        "user": f"{NOBODY}:{NOBODY}",
        "network_mode": "host",
        "command": [f"--web.listen-address={exporter.listen}"],
        "environment": {
            "DATA_SOURCE_URI": f"localhost:{layout.port}/postgres?sslmode={tls}",
            "DATA_SOURCE_USER": exporter.role,
            "DATA_SOURCE_PASS_FILE": "/run/secrets/password",
        },
        "secrets": ["password"],
    }
    whole = {
        "name": CONTAINER,
        "services": {"postgres_exporter": service},
        "secrets": {"password": {"file": f"{exporter.folder}/password"}},
    }
    return HEADER + compose.document(whole)


def firewall_file(spec: Spec) -> HostFile | None:
    """A table of our own: what it does not name is none of its business."""
    layout = Layout(spec)
    firewall = layout.host.firewall
    if firewall is None:
        return None
    rules = "".join(f"    {rule}\n" for rule in firewall_rules(firewall, layout))
    text = (
        "table inet pgdeploy\ndelete table inet pgdeploy\ntable inet pgdeploy {\n  chain input {\n"
        "    type filter hook input priority filter; policy accept;\n"
        f'    iif "lo" accept\n    ct state established,related accept\n{rules}  }}\n}}\n'
    )
    return HostFile(FIREWALL_FILE, HEADER + text, mode="0640")


def firewall_rules(firewall: FirewallSpec, layout: Layout) -> Iterator[str]:
    exporter = layout.host.exporter.port if layout.host.exporter else 9187
    ports = (layout.ssh_port, firewall.ssh), (layout.port, firewall.postgres), (exporter, firewall.exporter)
    for port, networks in ports:
        if networks is None:
            continue
        for family, colon in (("ip", False), ("ip6", True)):
            if chosen := [network for network in networks if (":" in network) is colon]:
                yield f"tcp dport {port} {family} saddr {nft.networks(chosen)} accept"
        yield f"tcp dport {port} drop"


def files(spec: Spec, codename: str, *, reveal: bool = False) -> tuple[HostFile, ...]:
    """Every file of the spec's host whose text the spec alone decides; secrets as in `settings_file`."""
    found = [
        sources_file(spec, codename),
        pin_file(spec),
        no_cluster_file(),
        sysctl_file(spec),
        tmpfiles_file(spec),
        limits_file(spec),
        disks_file(spec),
        settings_file(spec, reveal=reveal),
        hba_file(spec, reveal=reveal),
        ident_file(spec),
        *exporter_files(spec),
        firewall_file(spec),
    ]
    return tuple(file for file in found if file is not None)
