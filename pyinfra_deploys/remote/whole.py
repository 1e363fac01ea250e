"""Files whole or not at all, for the scripts that write them; what lies in a folder of another user is not trusted.

A file is `{path, text, owner, group, mode}`, the mode in octal.
"""

from __future__ import annotations

import grp
import os
import pwd
from typing import Optional

from pgdeploy.local.nofollow import Unsafe, open_folder, read_file

State = tuple[str, str, str, int]


def state_of(path: str) -> Optional[State]:
    """Text, owner, group and mode of a file; None where there is none, or only what another user placed there."""
    try:
        found = read_file(path)
    except Unsafe:
        return None
    if found is None:
        return None
    mode = found.known.st_mode & 0o7777
    try:
        owner = pwd.getpwuid(found.known.st_uid).pw_name
        group = grp.getgrgid(found.known.st_gid).gr_name
    except KeyError:
        owner, group = str(found.known.st_uid), str(found.known.st_gid)
    return (found.text, owner, group, mode)


def desired_state(file: dict[str, str]) -> State:
    return (file["text"], file["owner"], file["group"], int(file["mode"], 8))


def write_whole(file: dict[str, str]) -> None:
    """Never half of it, and never readable to more than it should be. A link that has its name is replaced."""
    folder, name = os.path.split(file["path"])
    data = file["text"].encode("utf-8", "surrogateescape")
    with open_folder(folder, make=True) as opened:
        opened.write(name, data, numbers_of(file["owner"], file["group"]), int(file["mode"], 8))


def remove_file(path: str) -> None:
    """The file goes, if there is one; what it leads to, if it is a link, stays."""
    folder, name = os.path.split(path)
    try:
        with open_folder(folder) as opened:
            opened.remove(name)
    except FileNotFoundError:
        pass


def entry_of(path: str) -> Optional[os.stat_result]:
    """What stands at a path, a link itself; None where there is nothing."""
    folder, name = os.path.split(path)
    try:
        with open_folder(folder) as opened:
            return opened.look(name)
    except (FileNotFoundError, NotADirectoryError):
        return None


def numbers_of(owner: str, group: str) -> tuple[int, int]:
    """User and group by number; names that are numbers already stand for themselves."""
    try:
        user = int(owner) if owner.isdigit() else pwd.getpwnam(owner).pw_uid
        return user, int(group) if group.isdigit() else grp.getgrnam(group).gr_gid
    except KeyError as error:
        raise SystemExit("this host has no user or group %s" % error.args[0]) from None
