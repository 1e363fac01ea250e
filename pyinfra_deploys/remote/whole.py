"""Files whole or not at all, for the scripts that write them.

A file is `{path, text, owner, group, mode}`, the mode in octal. (No `from __future__`: this goes along with another
script.)
"""

import grp
import os
import pwd
import shutil
import tempfile
from typing import Optional

State = tuple[str, str, str, int]


def state_of(path: str) -> Optional[State]:
    """Text, owner, group and mode of a file; None where there is none."""
    try:
        found = os.stat(path)
        with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    except KeyError:
        owner, group = str(found.st_uid), str(found.st_gid)
    return (text, owner, group, found.st_mode & 0o7777)


def desired_state(file: dict[str, str]) -> State:
    return (file["text"], file["owner"], file["group"], int(file["mode"], 8))


def write_whole(file: dict[str, str]) -> None:
    """Never half of it, and never readable to more than it should be."""
    folder = os.path.dirname(file["path"])
    os.makedirs(folder, exist_ok=True)
    handle, path = tempfile.mkstemp(prefix=".pgdeploy-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape", newline="") as out:
            out.write(file["text"])
            out.flush()
            os.fsync(out.fileno())
        shutil.chown(path, file["owner"], file["group"])
        os.chmod(path, int(file["mode"], 8))
        os.replace(path, file["path"])
    except BaseException:
        os.unlink(path)
        raise
