"""Nobody else may write where our files are: the rights of others to these folders are taken away."""

from __future__ import annotations

import stat
from typing import Any

from pgdeploy.local.nofollow import Folder, open_folder
from pyinfra_deploys.remote.whole import numbers_of


def main(question: dict[str, Any]) -> dict[str, Any]:
    """The question is `{folders}`: by path, whose the folder may be besides root's."""
    differs = [path for path, owner in question["folders"].items() if _mended(path, owner, question["make"])]
    return {"differs": differs}


def _mended(path: str, owner: str, make: bool) -> bool:
    """Whether others could write there; with `make` they cannot after that."""
    user, group = numbers_of(owner, owner)
    try:
        folder = open_folder(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    with folder:
        known = folder.known
        mode = stat.S_IMODE(known.st_mode)
        fits = known.st_uid in (0, user)
        shut = mode & ~0o002 if known.st_gid in (0, group) else mode & ~0o022
        wrong = not fits or (shut != mode and not mode & stat.S_ISVTX)
        if wrong and make:
            _give(folder, known.st_uid if fits else user, shut)
    return wrong


def _give(folder: Folder, owner: int, mode: int) -> None:
    """Who owns the folder above may have renamed any other to this: it is not given away then."""
    if owner not in (0, folder.known.st_uid) and not folder.ours_above:
        raise SystemExit(
            "%s belongs to another user, and is left alone; chown it if it is right" % folder.path
        )
    folder.give(owner, folder.known.st_gid, mode)
