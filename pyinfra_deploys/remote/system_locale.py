"""The system's locale, LANG: in /etc/locale.conf, or in /etc/default/locale where Debian has it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

FILES = ("/etc/locale.conf", "/etc/default/locale")


def main(question: dict[str, Any]) -> dict[str, Any]:
    wanted = question["locale"]
    differs = _lang() != wanted
    if differs and question["make"]:
        # Debian's own tool knows which of the files it is
        done = subprocess.run(
            ["update-locale", "LANG=" + wanted], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit("update-locale: " + (done.stderr.strip() or done.stdout.strip()))
    return {"differs": differs}


def _lang() -> str:
    for path in FILES:
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                found = re.search(r"(?m)^LANG=[\"']?([^\"'\s]*)", file.read())
            if found:
                return found.group(1)
    return ""
