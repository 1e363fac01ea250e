"""Before anything is changed: can this host become what its spec says? If not, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.api import deploy
from pyinfra.context import host, state

from pgdeploy.resources.host.amount import bytes_of
from pgdeploy.resources.host.file import sources_file
from pgdeploy.resources.host.layout import MIRROR_KEY, PGDG, Layout
from pgdeploy.resources.host.package import MirrorSpec
from pgdeploy.resources.spec import Spec
from pyinfra_deploys.lost import tell_when_lost
from pyinfra_deploys.this import Unanswered, ask, layout, may_become_root, target

ARCHITECTURES = {"distribution": (), "pgdg": ("x86_64", "aarch64", "ppc64le", "s390x")}
"""What apt.postgresql.org has packages for."""

RELEASES = {"bookworm": {15}, "trixie": {17}, "jammy": {14}, "noble": {16}}
"""Debian 12 and 13, Ubuntu 22.04 and 24.04, and the PostgreSQL that each has itself."""

ROOM = bytes_of("600MB")
"""What the packages take in /usr and /var."""

MEMORY_SEEN = 0.9
"""A machine of 48 GB shows a little less: the kernel keeps some."""


@deploy("Preflight")
def preflight() -> str | None:
    """The distribution's code name when the host can become what its spec says; else None, with the reasons told.

    A host that is refused takes no further part in the run, and pyinfra's exit code says so.
    """
    tell_when_lost()
    reasons, codename = _look()
    for reason in reasons:
        logger.error(f"{host.print_prefix}refused, nothing is changed: {reason}")
    if reasons:
        state.fail_hosts({host})
        return None
    return codename


def _look() -> tuple[list[str], str]:
    """Why the host is refused, and what its distribution is called."""
    if not may_become_root():
        return [f"{host.data.ssh_user} needs sudo without a password, or log in as root"], ""
    try:
        found = ask("preflight", _question(layout()))
        return list(_refusals(target().spec, found)) or list(_untaken(layout(), found)), found["codename"]
    except Unanswered as error:
        return [_explained(str(error))], ""


def _explained(said: str) -> str:
    if "python3" in said and "not found" in said:
        return f"{said}: install python3, which every step of ours runs on the host"
    return said


def _question(here: Layout) -> dict[str, Any]:
    mount = here.host.cluster.mount
    return {
        "free": ["/var", "/usr", here.data_directory],
        "mounts": [mount] if mount else [],
        "data_directory": here.data_directory,
        "texts": ["/etc/apt/sources.list.d/pgdeploy.sources", MIRROR_KEY],
    }


# -- what is wrong -------------------------------------------------------------------------------------


def _refusals(spec: Spec, found: dict[str, Any]) -> Iterator[str]:
    here = Layout(spec)
    yield from _system(here, found)
    yield from _resources(here, found)
    yield from _clusters(here, found)
    yield from _own_way(here, found)


def _system(here: Layout, found: dict[str, Any]) -> Iterator[str]:
    source, codename = here.host.packages.source, found["codename"]
    if not found["apt"]:
        yield f"{found['pretty']} has no apt; this deploys Debian 12 and 13, Ubuntu 22.04 and 24.04"
        return
    if not found["systemd"]:
        yield "systemd does not run here, and services could not be started"
    if source == "pgdg" and found["machine"] not in ARCHITECTURES["pgdg"]:
        yield (
            f"apt.postgresql.org has nothing for {found['machine']}, only for "
            f"{', '.join(ARCHITECTURES['pgdg'])}; take `source: distribution`"
        )
    if source == "distribution" and here.major not in RELEASES.get(codename, {here.major}):
        has = ", ".join(map(str, RELEASES[codename]))
        yield (
            f"{found['pretty']} itself has PostgreSQL {has}, the spec says {here.major}; "
            "take `packages: {source: pgdg}` or `postgres: " + has + "`"
        )
    if source == "pgdg" and codename not in RELEASES:
        yield f"{found['pretty']} is not known here; known: {', '.join(RELEASES)}"


def _resources(here: Layout, found: dict[str, Any]) -> Iterator[str]:
    declared = here.spec.machine.memory
    if (
        not host.data.get("throw_away")
        and declared is not None
        and found["memory"] < bytes_of(declared) * MEMORY_SEEN
    ):
        yield f"the host has {_human(found['memory'])} of memory, the spec counts with {declared} (machine: memory)"
    elif here.shared_buffers > found["memory"]:
        yield f"shared_buffers is {_human(here.shared_buffers)}, and the host has {_human(found['memory'])} of memory"
    needed = {"/var": ROOM, "/usr": ROOM, here.data_directory: bytes_of(here.host.cluster.free)}
    for path, size in needed.items():
        if found["free"][path] < size and not (path != here.data_directory and found["clusters"]):
            yield f"{_human(found['free'][path])} are free for {path}, and {_human(size)} are needed; make room"
    for path, mounted in found["mounted"].items():
        if not mounted:
            yield f"nothing is mounted at {path}, where the spec wants the data (cluster: mount); mount it first"


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


# -- the package source --------------------------------------------------------------------------------


def mirror_key(source: MirrorSpec) -> str:
    """The public key that signs a mirror."""
    return Path(source.key).read_text(encoding="utf-8")


def _untaken(here: Layout, found: dict[str, Any]) -> Iterator[str]:
    """A source that the host does not have so yet is tried, before anything rests on it."""
    source, wanted = here.host.packages.source, sources_file(here.spec, found["codename"])
    if wanted is None:
        return
    try:
        key = mirror_key(source) if isinstance(source, MirrorSpec) else None
    except OSError as error:
        yield f"{error.filename}: {error.strerror}; packages: source: key: names the key's file here"
        return
    if found["texts"][wanted.path] == wanted.text and found["texts"][MIRROR_KEY] == key:
        return
    # PGDG's key comes with a package of the distribution, later; here it is asked whether it answers
    text = wanted.text if key is not None else f"{wanted.text}Trusted: yes\n"
    said = ask("preflight", {**_question(here), "trial": {"source": text, "key": key}})["trial"]
    if said:
        uri = source.uri if isinstance(source, MirrorSpec) else PGDG
        wrong_key = any(
            word in said for word in ("NO_PUBKEY", "not signed", "signatures", "BADSIG", "EXPKEYSIG")
        )
        advice = "check the key" if wrong_key else "check the address, the suite and the way there"
        yield f"apt does not take the package source {uri}: {said}; {advice}"


def _human(size: int) -> str:
    return (
        f"{size / bytes_of('1GB'):.1f} GB" if size >= bytes_of("1GB") else f"{size / bytes_of('1MB'):.0f} MB"
    )
