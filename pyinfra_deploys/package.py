"""Packages: their source with its key, PostgreSQL and what goes with it, the pin and the hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyinfra.api import StringCommand, deploy, operation
from pyinfra.context import host
from pyinfra.operations import apt

from pgdeploy.layers.host.file import HostFile, no_cluster_file, pin_file, sources_file
from pgdeploy.layers.host.layout import MIRROR_KEY, Layout
from pgdeploy.model.host.package import MirrorSpec
from pyinfra_deploys.preflight import mirror_key
from pyinfra_deploys.this import command, ensure, layout, state_of_host, target
from pyinfra_deploys.write import put

PATIENCE = 120
"""Seconds that somebody else's apt is waited for; `--data apt_patience=SECONDS` says otherwise."""


def wait() -> str:
    """apt's own option for it; its message says who holds the lock."""
    return f"-o DPkg::Lock::Timeout={_patience()}"


def _patience() -> int:
    return int(host.data.get("apt_patience", PATIENCE))


@deploy("Package source")
def package_source(codename: str) -> None:
    """The source that the spec names, bound to its own key; the distribution's own needs none."""
    here = layout()
    source, wanted = here.host.packages.source, sources_file(target().spec, codename)
    repaired(name="Finish what an interrupted dpkg left")
    if wanted is None:
        return
    if isinstance(source, MirrorSpec):
        put(HostFile(MIRROR_KEY, mirror_key(source)), "The key of the package source")
    else:
        lists(["postgresql-common"], name="Read the package lists for postgresql-common")
        apt.packages(
            name="The key of apt.postgresql.org, from the distribution's own postgresql-common",
            packages=["postgresql-common"],
            no_recommends=True,
            extra_install_args=wait(),
        )
    put(wanted, "The package source")


@deploy("Packages")
def packages() -> None:
    """PostgreSQL and what goes with it; no cluster is made by the package, no newer major comes by surprise."""
    spec, here = target().spec, layout()
    put(pin_file(spec), "Keep newer majors out")
    put(no_cluster_file(), "No cluster but the spec's")
    lists(list(here.packages), name="Read the package lists")
    apt.packages(
        name=f"PostgreSQL {here.major} and what goes with it",
        packages=list(here.packages),
        no_recommends=True,
        extra_install_args=f"{wait()} --allow-downgrades",
    )
    if here.host.packages.version is not None:
        pinned(name=f"PostgreSQL {here.host.packages.version}, neither older nor newer")
    held(name="Hold PostgreSQL's package")


def _question(here: Layout) -> dict[str, Any]:
    names = [f"postgresql-{here.major}", f"postgresql-client-{here.major}"]
    return {"names": list(here.packages), "pinned": names, "version": here.host.packages.version}


@operation()
def repaired() -> Iterator[StringCommand]:
    """dpkg was cut short (a kill, a full disk): finish it, or no package can be installed."""
    yield from ensure("dpkg", {"seconds": _patience()})


@operation()
def lists(names: list[str]) -> Iterator[StringCommand]:
    """Read the package lists when one of these packages is not installed; one unreadable list is an error."""
    found = yield from state_of_host("packages", {"names": names})
    if found["missing"]:
        # apt's own patience is not for the lock of its lists
        yield command("dpkg", {"seconds": _patience(), "make": True})
        yield StringCommand("apt-get", wait(), "-o APT::Update::Error-Mode=any", "-qq", "update")


@operation()
def pinned() -> Iterator[StringCommand]:
    """The declared version, also when that is an older one, or a held one."""
    here = layout()
    found = yield from state_of_host("packages", _question(here))
    if wrong := found["wrong"]:
        options = "-y --allow-downgrades --allow-change-held-packages --no-install-recommends"
        yield StringCommand("apt-get", wait(), "-o APT::Update::Error-Mode=any", "-qq", "update")
        wanted = [f"'{name}={here.host.packages.version}'" for name in wrong]
        yield StringCommand("DEBIAN_FRONTEND=noninteractive", "apt-get", wait(), options, "install", *wanted)


@operation()
def held() -> Iterator[StringCommand]:
    """apt-mark hold as the spec says: what is held is restarted by nobody's upgrade but ours."""
    here = layout()
    found = yield from state_of_host("packages", _question(here))
    if missing := [name for name in here.held if name not in found["held"]]:
        yield StringCommand("apt-mark", wait(), "hold", *missing)
    if not here.held and f"postgresql-{here.major}" in found["held"]:
        yield StringCommand("apt-mark", wait(), "unhold", f"postgresql-{here.major}")
