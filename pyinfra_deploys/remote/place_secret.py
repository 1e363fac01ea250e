"""A secret into a file of its own: written private, whole or not at all. What is compared is said to nobody."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import tempfile
from typing import Any


def main(question: dict[str, Any]) -> dict[str, Any]:
    differs = [file["path"] for file in question["files"] if not _same(file)]
    if question["make"]:
        for file in question["files"]:
            if file["path"] in differs:
                _write(file)
    return {"differs": differs}


def _same(file: dict[str, str]) -> bool:
    try:
        found = os.stat(file["path"])
        with open(file["path"], encoding="utf-8", newline="") as known:
            text = known.read()
        owner, group = pwd.getpwuid(found.st_uid).pw_name, grp.getgrgid(found.st_gid).gr_name
    except (OSError, KeyError, UnicodeDecodeError):
        return False
    return (text, owner, group, found.st_mode & 0o7777) == (
        file["text"],
        file["owner"],
        file["group"],
        int(file["mode"], 8),
    )


def _write(file: dict[str, str]) -> None:
    folder = os.path.dirname(file["path"])
    os.makedirs(folder, exist_ok=True)
    handle, path = tempfile.mkstemp(prefix=".pgdeploy-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as out:
            out.write(file["text"])
            out.flush()
            os.fsync(out.fileno())
        shutil.chown(path, file["owner"], file["group"])
        os.chmod(path, int(file["mode"], 8))
        os.replace(path, file["path"])
    except BaseException:
        os.unlink(path)
        raise
