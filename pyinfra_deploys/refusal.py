"""What keeps a host from becoming what its spec says, judged from what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from pgdeploy.errors import SecretError
from pgdeploy.layers.host.guest import MEMORY_SEEN
from pgdeploy.layers.host.layout import RELEASES, Layout
from pgdeploy.model.host.amount import bytes_of

ARCHITECTURES = ("x86_64", "aarch64", "ppc64le", "s390x")
"""What apt.postgresql.org has packages for."""

ROOM = bytes_of("600MB")
"""What the packages take in /usr and /var."""


def refusals(here: Layout, found: dict[str, Any], *, throw_away: bool = False) -> Iterator[str]:
    """Why this host cannot become what its spec says, each with what to do.

    `found` is what remote/preflight.py says of it. A throw-away host need not be as big as the real one.
    """
    yield from _system(here, found)
    yield from _resources(here, found, throw_away)
    yield from _disks(found)
    yield from _clusters(here, found)
    if found["docker"]:
        yield (
            f"the exporter is to run in a container, and {found['docker']}; install docker and its compose plugin "
            "(Debian 13: docker.io and docker-compose), see that its daemon runs, or take `exporter: {run: service}`"
        )
    yield from _unknown(here, found)
    yield from _secrets(here)
    yield from _own_way(here, found)


def _unknown(here: Layout, found: dict[str, Any]) -> Iterator[str]:
    """What only the host itself knows that there is not."""
    for setting in found["no_sysctl"]:
        yield f"this kernel has no setting {setting} (host: kernel: sysctl)"
    if found["no_zone"]:
        yield f"this system has no time zone {here.host.time_zone} in /usr/share/zoneinfo (host: time_zone)"


def _secrets(here: Layout) -> Iterator[str]:
    """A password that cannot be had is missed before the server is made, not after."""
    for role, body in here.spec.roles.items():
        if body.state == "present" and body.password is not None:
            try:
                body.password.read()
            except SecretError as error:
                yield f"{error} (roles: {role}: password)"


def _system(here: Layout, found: dict[str, Any]) -> Iterator[str]:
    source, codename = here.host.packages.source, found["codename"]
    if not found["apt"]:
        yield f"{found['pretty']} has no apt; this deploys Debian 12 and 13, Ubuntu 22.04 and 24.04"
        return
    if not found["systemd"]:
        yield "systemd does not run here, and services could not be started"
    if source == "pgdg" and found["machine"] not in ARCHITECTURES:
        yield (
            f"apt.postgresql.org has nothing for {found['machine']}, only for "
            f"{', '.join(ARCHITECTURES)}; take `source: distribution`"
        )
    has = RELEASES.get(codename, here.major)
    if source == "distribution" and has != here.major:
        yield (
            f"{found['pretty']} itself has PostgreSQL {has}, the spec says {here.major}; "
            f"take `packages: {{source: pgdg}}` or `postgres: {has}`"
        )
    if source == "pgdg" and codename not in RELEASES:
        yield f"{found['pretty']} is not known here; known: {', '.join(RELEASES)}"


def _resources(here: Layout, found: dict[str, Any], throw_away: bool) -> Iterator[str]:
    vm = here.spec.vm
    declared = here.spec.machine.memory or (vm and (vm.balloon or vm.memory))
    if not throw_away and declared and found["memory"] < bytes_of(declared) * MEMORY_SEEN:
        yield f"the host has {_human(found['memory'])} of memory, the spec counts with {declared}"
    elif here.shared_buffers > found["memory"]:
        yield f"shared_buffers is {_human(here.shared_buffers)}, and the host has {_human(found['memory'])} of memory"
    needed = {"/var": ROOM, "/usr": ROOM, here.data_directory: bytes_of(here.host.cluster.free)}
    coming = _coming(here, found)
    for path, size in needed.items():
        if any(f"{path}/".startswith(f"{mount}/") for mount in coming):
            continue  # of a disk that the spec says to be larger
        if found["free"][path] < size and not (path != here.data_directory and found["clusters"]):
            yield f"{_human(found['free'][path])} are free for {path}, and {_human(size)} are needed; make room"
    for path, mounted in found["mounted"].items():
        if not mounted and path not in coming:
            yield f"nothing is mounted at {path}, where the spec wants the data (cluster: mount); mount it first"


def _disks(found: dict[str, Any]) -> Iterator[str]:
    """Disks of the VM that the spec gives a place."""
    for name, disk in found["disks"].items():
        if disk["fault"]:
            yield f"{disk['fault']} (vm: disks: {name})"


def _coming(here: Layout, found: dict[str, Any]) -> list[str]:
    """Mount points that a later step takes care of."""
    return [here.disk_mounts[name] for name, disk in found["disks"].items() if not disk["mounted"]]


def _clusters(here: Layout, found: dict[str, Any]) -> Iterator[str]:
    """Data that is there already is never copied over, moved or taken for empty."""
    data, known = found["data"], None
    for cluster in found["clusters"]:
        if cluster["version"] == str(here.major) and cluster["name"] == here.cluster:
            known = cluster
    if known is not None and known["data"] != here.data_directory:
        yield (
            f"the cluster {here.major}/{here.cluster} is there already, in {known['data']}, and the spec says "
            f"{here.data_directory}; docs/host.md says how to move it (stop, move, change postgresql.conf), "
            "or write that directory into the spec"
        )
    elif known is None and data["names"]:
        what = f"a cluster of PostgreSQL {data['version']}" if data["version"] else ", ".join(data["names"])
        yield (
            f"{here.data_directory} holds something that no cluster {here.major}/{here.cluster} of this host "
            f"owns: {what}; it is left alone: empty it, or name another data_directory"
        )
    elif known is not None and data["version"] not in ("", str(here.major)):
        yield f"{here.data_directory} is of PostgreSQL {data['version']}, the spec says {here.major}"


def _own_way(here: Layout, found: dict[str, Any]) -> Iterator[str]:
    """A firewall that would shut us out is not set up."""
    firewall = here.host.firewall
    if firewall is None or firewall.ssh is None or not found["client"]:
        return
    try:
        client = ip_address(found["client"].partition("%")[0])
    except ValueError:
        return
    if not any(client in ip_network(network) for network in firewall.ssh):
        yield (
            f"this run comes from {client}, and firewall: ssh lets in only "
            f"{', '.join(firewall.ssh)}: it would shut itself out"
        )


def _human(size: int) -> str:
    return (
        f"{size / bytes_of('1GB'):.1f} GB" if size >= bytes_of("1GB") else f"{size / bytes_of('1MB'):.0f} MB"
    )
