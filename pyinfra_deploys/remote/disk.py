"""A disk of the machine, in three parts: a file system where there is nothing, its place, and its growth.

What a disk holds is never written over: see `disk_fault`.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import subprocess
from typing import Any

from pgdeploy.local.nofollow import open_folder
from pyinfra_deploys.remote.block import (
    disk_fault,
    disk_mark,
    disk_state,
    fstab_lines,
    is_fstab_of,
    mount_fault,
)
from pyinfra_deploys.remote.whole import state_of, write_whole

FSTAB = "/etc/fstab"

OPTIONS = "noatime,nofail"
"""Without `nofail` a disk that is away would keep ssh from starting too; the server's unit waits for its own mounts."""

GROUP = 128 << 20
"""ext4 leaves out a last group that is too small; a disk grows by more."""

XFS_GEOMETRY = 0x80705864


def main(question: dict[str, Any]) -> dict[str, Any]:
    disk = question["disk"]
    differs, make = PARTS[question["part"]]
    found = _sound(disk)
    reasons = differs(disk, found)
    if reasons and question["make"]:
        make(disk, found)
    return {"differs": reasons}


def _sound(disk: dict[str, Any]) -> dict[str, Any]:
    found = disk_state(disk)
    fault = disk_fault(disk, found)
    if fault:
        raise SystemExit(fault)
    return found


# -- a file system -------------------------------------------------------------------------------------


def _is_empty(disk: dict[str, Any], found: dict[str, Any]) -> list[str]:
    marked = os.path.exists(disk_mark(disk, found)["path"])
    return ["no file system"] if not found["holds"] else ["a mark of a killed run"] if marked else []


def _format(disk: dict[str, Any], found: dict[str, Any]) -> None:
    """ext4 on the whole disk, so that it grows without a partition in between.

    No blocks are kept for root: these keep a full system able to log, and would be lost on a disk of PostgreSQL's.
    """
    mark = disk_mark(disk, found)
    if not found["holds"]:
        write_whole(mark)
        _run(["mkfs.ext4", "-q", "-m", "0", "-L", disk["label"], found["node"]])
        _run(["sync", found["node"]])
    os.unlink(mark["path"])


# -- its place -----------------------------------------------------------------------------------------


def _is_elsewhere(disk: dict[str, Any], found: dict[str, Any]) -> list[str]:
    reasons = []
    if fstab_lines(disk["mount"]) != [_fields(disk, found)]:
        reasons.append("not in " + FSTAB)
    if found["over"] is None:
        reasons.append("not mounted")
    elif "noatime" not in found["over"]["options"].split(","):
        reasons.append("mounted without noatime")
    if _waits_for_reload(disk["unit"]):
        reasons.append("systemd has not read the unit's files")
    return reasons


def _mount(disk: dict[str, Any], found: dict[str, Any]) -> None:
    if fstab_lines(disk["mount"]) != [_fields(disk, found)]:
        _write_fstab(disk, found)
    _run(["systemctl", "daemon-reload"])
    if found["over"] is not None:
        _run(["mount", "-o", "remount", disk["mount"]])
        return
    open_folder(disk["mount"], make=True).close()
    # once more: what was missing on the way may have been placed there by now
    fault = mount_fault(disk)
    if fault:
        raise SystemExit(fault)
    if shutil.which("udevadm") is not None:
        # what was formatted just now gets its name by UUID from udev, and systemd goes by that
        subprocess.run(["udevadm", "settle", "--timeout=30"], capture_output=True, check=False)
    _run(["mount", disk["mount"]])
    seen = disk_state(disk)["over"]
    if seen is None or seen["number"] != found["number"]:
        if seen is not None:
            _run(["umount", disk["mount"]])
        raise SystemExit(
            "another disk has the UUID of disk %s (%s), and would be mounted in its place; take it away, "
            "or give it a new one by tune2fs -U random" % (disk["name"], found["node"])
        )


def _fields(disk: dict[str, Any], found: dict[str, Any]) -> list[str]:
    known = found["signature"]
    kind = known.get("TYPE", "")
    mount = disk["mount"].replace("\\", "\\134")
    # xfs has its own check, at mounting
    return ["UUID=" + known.get("UUID", ""), mount, kind, OPTIONS, "0", "0" if kind == "xfs" else "2"]


def _write_fstab(disk: dict[str, Any], found: dict[str, Any]) -> None:
    """One line for the mount point; every other stays as it is."""
    text, owner, group, mode = state_of(FSTAB) or ("", "root", "root", 0o644)
    line, kept = " ".join(_fields(disk, found)) + "\n", []
    for old in text.splitlines(keepends=True):
        if not is_fstab_of(old.split(), disk["mount"]):
            kept.append(old)
        elif line:
            kept.append(line)
            line = ""
    end = "" if not kept or kept[-1].endswith("\n") else "\n"
    write_whole(
        {
            "path": FSTAB,
            "text": "".join(kept) + end + line,
            "owner": owner,
            "group": group,
            "mode": oct(mode)[2:],
        }
    )


def _waits_for_reload(unit: str) -> bool:
    words = ["systemctl", "show", unit, "-p", "NeedDaemonReload", "--value"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip() == "yes"


# -- its growth ----------------------------------------------------------------------------------------


def _is_small(disk: dict[str, Any], found: dict[str, Any]) -> list[str]:
    if not found["holds"] or (found["signature"]["TYPE"] == "xfs" and found["over"] is None):
        return []
    return ["smaller than its disk"] if found["size"] - _size(disk, found) >= GROUP else []


def _size(disk: dict[str, Any], found: dict[str, Any]) -> int:
    """How much of the disk the file system knows of."""
    if found["signature"]["TYPE"] == "xfs":
        # the disk itself may lag behind what the kernel has
        handle = os.open(disk["mount"], os.O_RDONLY | os.O_DIRECTORY)
        try:
            told = fcntl.ioctl(handle, XFS_GEOMETRY, bytes(112))
        finally:
            os.close(handle)
        return int(struct.unpack_from("=Q", told, 32)[0] * struct.unpack_from("=I", told)[0])
    with open(found["node"], "rb") as device:
        device.seek(1024)
        block = device.read(1024)
    low, log, wide, high = (struct.unpack_from("<I", block, at)[0] for at in (0x4, 0x18, 0x60, 0x150))
    return int((low + ((high << 32) if wide & 0x80 else 0)) * (1024 << log))


def _grow(disk: dict[str, Any], found: dict[str, Any]) -> None:
    """While it is mounted and in use."""
    if found["signature"]["TYPE"] == "xfs":
        _run(["xfs_growfs", disk["mount"]])
    else:
        _run(["resize2fs", found["node"]])


PARTS = {"format": (_is_empty, _format), "mount": (_is_elsewhere, _mount), "grow": (_is_small, _grow)}


def _run(words: list[str]) -> None:
    try:
        done = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    except FileNotFoundError:
        raise SystemExit(words[0] + " is not installed") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "exit code %d" % done.returncode).splitlines()
        raise SystemExit(words[0] + ": " + said[-1])
