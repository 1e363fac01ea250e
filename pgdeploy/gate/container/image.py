"""The image of a throw-away host: built once, kept by the engine under the digest of its recipe."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import attempt, docker, reason, require_engine
from pgdeploy.gate.container.system import CODENAMES
from pgdeploy.local.signals import ended_with_us
from pgdeploy.reach.libpq import environment_of_children

PACKAGES = (
    *("systemd-sysv", "dbus", "openssh-server", "python3", "sudo", "iproute2"),
    *("ca-certificates", "locales", "procps"),
)

# Docker's Debian keeps packages from starting their services (policy-rc.d); a real host does not.
_RECIPE = """\
FROM {base}
RUN apt-get -o APT::Update::Error-Mode=any update \\
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends {packages} \\
 && rm -rf /var/lib/apt/lists/* /usr/sbin/policy-rc.d
"""

Note = Callable[[str], None]


def image(os: str, note: Note = lambda _: None) -> str:
    """The tag of the image of `debian-12` or `debian-13`, built if it is not there.

    `note` is told what takes long.

    Raises:
        TargetError: there is no Docker engine, or the image can be built in no way; why.
    """
    require_engine()
    tag = tag_of(os)
    if not _is_there(tag):
        _build(os, tag, note)
    return tag


def tag_of(os: str) -> str:
    """A new recipe is a new tag."""
    return f"pgdeploy-host:{os}-{sha256(_recipe(os).encode()).hexdigest()[:12]}"


def _recipe(os: str) -> str:
    return _RECIPE.format(base=_base(os), packages=" ".join(PACKAGES))


def _base(os: str) -> str:
    return f"debian:{os.removeprefix('debian-')}-slim"


def _is_there(tag: str) -> bool:
    return attempt("image", "inspect", tag).returncode == 0


def _build(os: str, tag: str, note: Note) -> None:
    base = _base(os)
    if not _is_there(base) and (pulled := attempt("pull", "-q", base)).returncode != 0:
        why = reason(pulled)
        if lacking := _no_mmdebstrap():
            raise TargetError(f"the image {base} cannot be pulled ({why}), and {lacking}")
        note(f"{base} cannot be pulled; making a {os} with mmdebstrap, half a minute")
        _bootstrap(CODENAMES[os], tag)
        return
    note(f"building the image of {os}, once")
    docker("build", "-q", "-t", tag, "-", stdin=_recipe(os))


def _no_mmdebstrap() -> str:
    """Why mmdebstrap cannot make the image instead; nothing where it can."""
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap, which could make one instead, is not installed"
    return "" if os.geteuid() == 0 else "mmdebstrap, which could make one instead, needs root"


def _bootstrap(codename: str, tag: str) -> None:
    """A root file system from Debian's archive, which apt's keys of this machine prove."""
    command = ["mmdebstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", codename, "-"]
    with (
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            process_group=0,
            env=environment_of_children(),
        ) as making,
        ended_with_us(making),
    ):
        imported = subprocess.Popen(
            ["docker", "import", "-", f"{tag}-making"],
            stdin=making.stdout,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment_of_children(),
        )
        if making.stdout is not None:
            making.stdout.close()  # or mmdebstrap would wait for us when docker is gone
        said = making.stderr.read().decode(errors="replace") if making.stderr else ""
        _, fault = imported.communicate()
    if making.returncode != 0 or imported.returncode != 0:
        attempt("image", "rm", f"{tag}-making")
        last = (fault.decode(errors="replace") or said).strip().splitlines()[-1:]
        raise TargetError(f"mmdebstrap could not make a Debian {codename}: {''.join(last)}")
    # half an image never has the right name
    docker("tag", f"{tag}-making", tag)
    attempt("image", "rm", f"{tag}-making")
