"""What is on a disk, and whether it may become what the spec says. Nothing here changes anything.

A disk is `{name, device, mount, label}`.
"""

from __future__ import annotations

import os
import stat
import subprocess
from typing import Any, Optional

from pgdeploy.local.nofollow import open_folder

FORMATTED = "/var/lib/pgdeploy/formatting-%s"
"""Stands there for as long as a disk of ours is being formatted; it says which."""

DISK_EDGE = 1 << 20
"""Bytes at both ends that must be zero in an empty disk: where partition tables and file systems begin."""


def disk_state(disk: dict[str, Any]) -> dict[str, Any]:
    """All that the steps go by. `number` is as mountinfo has it; `holds` is in words, nothing for an empty disk."""
    found: dict[str, Any] = {"there": os.path.exists(disk["device"]), "over": _over(disk["mount"])}
    if not found["there"]:
        return found
    node = os.path.realpath(disk["device"])
    known = os.stat(node)
    if not stat.S_ISBLK(known.st_mode):
        raise SystemExit("%s is no disk" % node)
    with open(node, "rb") as device:
        found["size"] = device.seek(0, os.SEEK_END)
        zero = _zero(device, found["size"])
        never_mounted = _never_mounted(device)
    found["node"] = node
    found["number"] = "%d:%d" % (os.major(known.st_rdev), os.minor(known.st_rdev))
    found["mounted"] = [m["at"] for m in _mountinfo() if m["number"] == found["number"] and m["root"] == "/"]
    found["signature"] = signature = _signature(node)
    mark = disk_mark(disk, found)
    begun = _read(mark["path"]) == mark["text"]
    half = signature.get("LABEL") == disk["label"] and never_mounted
    found["unfinished"] = begun and (half or not signature)
    found["holds"] = (
        "" if found["unfinished"] else _held(node, signature) or ("" if zero else "data of no known kind")
    )
    return found


def disk_mark(disk: dict[str, Any], found: dict[str, Any]) -> dict[str, str]:
    """The file that says so, as `write_whole` takes it."""
    text = "%s %d\n" % (disk["device"], found["size"])
    return {"path": FORMATTED % disk["name"], "text": text, "owner": "root", "group": "root", "mode": "0600"}


def disk_fault(disk: dict[str, Any], found: dict[str, Any]) -> str:
    """Why this disk is left alone, and what to do; nothing when all is well, or can be made so."""
    name, mount, over = disk["name"], disk["mount"], found["over"]
    if not found["there"]:
        return "this machine has no disk %s (%s); `pgdeploy vm apply` plugs it in" % (name, disk["device"])
    if over is not None and over["number"] != found["number"]:
        return "%s is mounted at %s, where the spec wants disk %s; unmount it first" % (
            over["what"],
            mount,
            name,
        )
    if over is None and found["mounted"]:
        where = ", ".join(found["mounted"])
        return "disk %s is mounted at %s, and the spec says %s; unmount it first" % (name, where, mount)
    if found["holds"] and not disk_is_ours(disk, found):
        return (
            "disk %s (%s) holds %s, and is left alone; if nothing on it is of worth: wipefs --all %s; "
            "if it is what belongs at %s, mount it there and run this again"
        ) % (name, found["node"], found["holds"], found["node"], mount)
    return mount_fault(disk) if over is None else ""


def mount_fault(disk: dict[str, Any]) -> str:
    """Why nothing is mounted on this folder; nothing when all is well.

    mount(8) goes by path: whoever owns a folder on the way could have the disk mounted over any other.
    """
    mount = disk["mount"]
    try:
        with open_folder(os.path.dirname(mount)) as above:
            mine = above.ours
        with open_folder(mount) as folder:
            hidden = sorted(folder.names())
    except FileNotFoundError:
        return ""
    if not mine:
        return (
            "%s is in a folder of another user, who could lead a mount elsewhere; mount disk %s elsewhere"
            % (
                mount,
                disk["name"],
            )
        )
    if not hidden:
        return ""
    return "%s is not empty (%s), and disk %s mounted there would hide that; move it away first" % (
        mount,
        ", ".join(hidden[:5]),
        disk["name"],
    )


def disk_is_ours(disk: dict[str, Any], found: dict[str, Any]) -> bool:
    """A file system on the whole disk that has our label, or that somebody gave this place: now, or in /etc/fstab."""
    known = found["signature"]
    if known.get("TYPE") not in ("ext4", "xfs") or "PTTYPE" in known or "several" in known:
        return False
    named = "UUID=%s" % known.get("UUID")
    in_fstab = any(fields[0] == named for fields in fstab_lines(disk["mount"]))
    there = found["over"] is not None and found["over"]["number"] == found["number"]
    return known.get("LABEL") == disk["label"] or there or in_fstab


def fstab_lines(mount: str) -> list[list[str]]:
    """The fields of the lines of /etc/fstab that are about a mount point."""
    lines = [line.split() for line in (_read("/etc/fstab") or "").splitlines()]
    return [fields for fields in lines if is_fstab_of(fields, mount)]


def is_fstab_of(fields: list[str], mount: str) -> bool:
    return len(fields) > 1 and not fields[0].startswith("#") and _plain(fields[1]).rstrip("/") == mount


def _never_mounted(device: Any) -> bool:
    """Of ext4: its superblock has the time of the last mount."""
    device.seek(1024 + 0x2C)
    return not any(device.read(4))


def _zero(device: Any, size: int) -> bool:
    for start in (0, max(0, size - DISK_EDGE)):
        device.seek(start)
        if any(device.read(DISK_EDGE)):
            return False
    return True


def _signature(node: str) -> dict[str, str]:
    """What blkid finds, past its cache."""
    words = ["blkid", "-p", "-o", "export", node]
    done = subprocess.run(words, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode == 8:
        return {"several": "yes"}
    if done.returncode not in (0, 2):
        raise SystemExit("blkid: " + (done.stderr.strip() or "exit code %d" % done.returncode))
    pairs = (line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    return {key: value for key, value in pairs if key != "DEVNAME"}


def _held(node: str, known: dict[str, str]) -> str:
    """In words what is on it, or uses it."""
    folder = "/sys/class/block/" + os.path.basename(node)
    users = sorted(os.listdir(folder + "/holders")) if os.path.isdir(folder + "/holders") else []
    if users:
        return "what %s is made of" % ", ".join(users)
    if "several" in known:
        return "several signatures, which contradict each other"
    if "PTTYPE" in known:
        return "a partition table (%s)" % known["PTTYPE"]
    if known:
        label = ' called "%s"' % known["LABEL"] if known.get("LABEL") else ""
        return (known.get("TYPE") or ", ".join(sorted(known))) + label
    return ""


def _over(mount: str) -> Optional[dict[str, str]]:
    """What is mounted at this place, and seen there."""
    found = [known for known in _mountinfo() if known["at"] == os.path.realpath(mount)]
    return found[-1] if found else None


def _mountinfo() -> list[dict[str, str]]:
    found = []
    for line in (_read("/proc/self/mountinfo") or "").splitlines():
        words = line.split()
        what = words[words.index("-") + 2]
        found.append(
            {
                "number": words[2],
                "root": words[3],
                "at": _plain(words[4]),
                "options": words[5],
                "what": _plain(what),
            }
        )
    return found


def _plain(name: str) -> str:
    """Blanks and backslashes stand as octal numbers."""
    for character in " \t\n#\\":
        name = name.replace("\\%03o" % ord(character), character)
    return name


def _read(path: str) -> Optional[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None
