"""The time zone of the system, by /etc/localtime and /etc/timezone."""

from __future__ import annotations

import os
from typing import Any


def main(question: dict[str, Any]) -> dict[str, Any]:
    zone, link = question["zone"], "/etc/localtime"
    wanted = "/usr/share/zoneinfo/" + zone
    if not os.path.exists(wanted) and zone not in ("UTC", "Etc/UTC"):
        raise SystemExit("this system knows no time zone " + zone + " (in /usr/share/zoneinfo)")
    found = os.readlink(link) if os.path.islink(link) else ""
    differs = found != wanted
    if differs and question["make"]:
        os.symlink(wanted, link + ".pgdeploy")
        os.replace(link + ".pgdeploy", link)
        with open("/etc/timezone", "w", encoding="ascii") as file:
            file.write(zone + "\n")
    return {"differs": differs}
