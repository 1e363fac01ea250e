"""Before anything is changed: can this host become what its spec says? If not, why, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pyinfra import logger
from pyinfra.api import deploy
from pyinfra.context import host, state

from pgdeploy.layers.host.file import sources_file
from pgdeploy.layers.host.guest import device_of, label_of
from pgdeploy.layers.host.layout import MIRROR_KEY, PGDG, Layout
from pgdeploy.local.path import absent
from pgdeploy.model.host.package import MirrorSpec
from pyinfra_deploys.certificate import certificate_faults
from pyinfra_deploys.lost import tell_when_lost
from pyinfra_deploys.refusal import refusals
from pyinfra_deploys.this import Unanswered, ask, configure_login, layout, may_become_root


@deploy("Preflight")
def preflight() -> str | None:
    """The distribution's code name when the host can become what its spec says; else None, with the reasons told.

    A host that is refused takes no further part in the run, and pyinfra's exit code says so.
    """
    tell_when_lost()
    configure_login()
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
        throw_away = bool(host.data.get("throw_away"))
        reasons = [*refusals(layout(), found, throw_away=throw_away), *certificate_faults(layout())]
        return reasons or list(_untaken(layout(), found)), found["codename"]
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
        "disks": disk_questions(here),
        "data_directory": here.data_directory,
        "sysctl": list(here.host.kernel.sysctl) if here.host.kernel else [],
        "zone": here.host.time_zone,
        "docker": here.host.exporter is not None and here.host.exporter.run == "compose",
        "texts": ["/etc/apt/sources.list.d/pgdeploy.sources", MIRROR_KEY],
    }


def disk_questions(here: Layout) -> list[dict[str, Any]]:
    """The disks as the scripts on the host take them; a throw-away host has none of its own."""
    if host.data.get("throw_away"):
        return []
    known = ((name, mount, device_of(name)) for name, mount in here.disk_mounts.items())
    return [
        {"name": name, "device": device, "mount": mount, "label": label_of(name), "unit": here.unit}
        for name, mount, device in known
        if device is not None
    ]


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
        yield f"{error.filename}: {error.strerror}; packages: source: key: names the key's file here{absent(error)}"
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
