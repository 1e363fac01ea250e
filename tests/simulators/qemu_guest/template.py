"""The template that machines are cloned from: a Debian as its cloud images are, with the guest agent, sealed.

Its kernel is beside it and not in it: QEMU loads it, and no boot loader is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from tests.simulators.qemu_guest.network import run

CACHE = Path(__file__).parents[3] / ".cache" / "qemu-guest"

PACKAGES = (
    *("systemd-sysv", "dbus", "libpam-systemd", "udev", "systemd-resolved", "netplan.io", "iproute2"),
    *("openssh-server", "python3", "sudo", "ca-certificates", "locales", "procps", "e2fsprogs", "fdisk"),
    *("cloud-init", "cloud-guest-utils", "qemu-guest-agent", "linux-image-cloud-amd64", "zstd"),
)

_SIZE, _START = 3 << 30, 1 << 20
_LABEL = "cloudimg-rootfs"

APPEND = f"root=LABEL={_LABEL} ro console=ttyS0 quiet mitigations=off"
"""What the kernel is told. Against other tenants of an emulated processor nothing need be done."""

FILES = {
    "etc/fstab": f"LABEL={_LABEL} / ext4 rw,discard,errors=remount-ro 0 1\n",
    "etc/cloud/cloud.cfg.d/90_template.cfg": "locale: C.UTF-8\n",
    # The network has a time server of its own, for those that reach no other.
    "etc/chrony/sources.d/network.sources": "server _gateway iburst\n",
    "etc/machine-id": "",
}


@dataclass(frozen=True)
class Template:
    """Where it is."""

    disk: Path
    kernel: Path
    initrd: Path


def template() -> Template:
    """It, made if it is not there: about a minute and a half.

    Raises:
        TargetError: it cannot be made; why.
    """
    digest = sha256(repr((PACKAGES, FILES, _SIZE, _recipe())).encode()).hexdigest()[:12]
    folder = CACHE / f"debian-12-{digest}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="making-", dir=CACHE) as making:
            made = Path(making) / "made"
            made.mkdir()
            _make(Path(making) / "root", made)
            with suppress(OSError):  # another process was quicker
                made.rename(folder)
    return Template(folder / "disk.qcow2", folder / "vmlinuz", folder / "initrd")


def _recipe() -> str:
    """What the file system is made with."""
    return Path(__file__).read_text(encoding="utf-8")


def _make(root: Path, folder: Path) -> None:
    run(
        "mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}", "bookworm", str(root)
    )
    for name in ("vmlinuz", "initrd"):
        (found,) = (root / "boot").glob(f"{name}*-amd64")
        shutil.copyfile(found, folder / name)
    _seal(root)
    _write(root, folder / "raw")
    run("qemu-img", "convert", "-O", "qcow2", str(folder / "raw"), str(folder / "disk.qcow2"))
    (folder / "raw").unlink()


def _seal(root: Path) -> None:
    """Nothing in it is one machine's own."""
    for path in (root / "etc/ssh").glob("ssh_host_*"):
        path.unlink()
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in ("etc/hostname", "etc/resolv.conf"):
        (root / name).unlink(missing_ok=True)
    (root / "etc/resolv.conf").symlink_to("../run/systemd/resolve/stub-resolv.conf")


def _write(root: Path, raw: Path) -> None:
    """One partition with ext4, as cloud-init wants it to let it grow."""
    with raw.open("wb") as file:
        file.truncate(_SIZE)
    subprocess.run(
        ["sfdisk", "-q", str(raw)], input=f"label: gpt\nstart={_START // 512}\n", text=True, check=True
    )
    blocks = (_SIZE - 2 * _START) // 4096
    where = f"offset={_START},lazy_itable_init=1,lazy_journal_init=1"
    run(
        *(
            "mke2fs",
            "-q",
            "-t",
            "ext4",
            "-L",
            _LABEL,
            "-E",
            where,
            "-d",
            str(root),
            str(raw),
            f"{blocks * 4}k",
        )
    )


def lacking() -> str:
    """What this machine needs and has not; nothing where all is there."""
    programs = (
        *("qemu-system-x86_64", "qemu-img", "xorriso", "mmdebstrap", "mke2fs", "sfdisk", "ip", "iptables"),
    )
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        return f"real virtual machines need {', '.join(missing)}"
    if os.geteuid() != 0:
        return "real virtual machines need root"
    return "" if Path("/dev/net/tun").exists() else "the kernel has no tap devices: no /dev/net/tun"
