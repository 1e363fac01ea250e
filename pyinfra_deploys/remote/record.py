"""Write the deployment record; the packages' versions are those of the host."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

TIMES = ("when", "by", "seconds", "first")


def main(question: dict[str, Any]) -> dict[str, Any]:
    record = dict(question["record"], packages=_versions(question["record"]["packages"]))
    known = _known(question["path"])
    differs = {k: v for k, v in known.items() if k not in TIMES} != {
        k: v for k, v in record.items() if k not in TIMES
    }
    if differs and question["make"]:
        record["first"] = known.get("first") or {"when": record["when"], "seconds": record["seconds"]}
        _write(question["path"], record)
    return {"differs": differs}


def _known(path: str) -> dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
    except (OSError, ValueError):
        return {}
    return found


def _versions(names: list[str]) -> dict[str, str]:
    words = ["dpkg-query", "-W", "-f", "${Package}\t${Version}\n", *names]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return dict(line.split("\t") for line in lines)


def _write(path: str, record: dict[str, Any]) -> None:
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as file:
        json.dump(record, file, indent=2)
        file.write("\n")
    os.chmod(path + ".new", 0o644)
    os.replace(path + ".new", path)
