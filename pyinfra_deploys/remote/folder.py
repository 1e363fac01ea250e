"""A folder with its owner and mode: made where it is missing, given away only where nothing of others is in it."""

from __future__ import annotations

import stat
from typing import Any

from pgdeploy.local.nofollow import Folder, open_folder
from pyinfra_deploys.remote.whole import numbers_of


def main(question: dict[str, Any]) -> dict[str, Any]:
    """The question is `{path, owner, group, mode}`."""
    desired = (*numbers_of(question["owner"], question["group"]), int(question["mode"], 8))
    try:
        folder = open_folder(question["path"], make=question["make"])
    except FileNotFoundError:
        return {"differs": ["absent"]}
    with folder:
        actual = (folder.known.st_uid, folder.known.st_gid, stat.S_IMODE(folder.known.st_mode))
        if actual != desired and question["make"]:
            if actual[0] != desired[0]:
                _require_to_give(folder, desired[0])
            folder.give(*desired)
    return {"differs": [] if actual == desired else ["owner or mode"]}


def _require_to_give(folder: Folder, owner: int) -> None:
    """Who owns the folder above may have renamed any other to this: it must be empty, or the owner's already."""
    if folder.ours_above or not folder.names():
        return
    mark = folder.look("PG_VERSION")
    if mark is None or mark.st_uid != owner or not stat.S_ISREG(mark.st_mode) or mark.st_nlink > 1:
        raise SystemExit(
            "%s belongs to another user and is not empty, and is left alone; chown it if it is right"
            % folder.path
        )
