"""Write the deployment record; the packages' versions are those of the host."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from pyinfra_deploys.remote.whole import state_of, write_whole

TIMES = ("when", "by", "seconds", "first")


def main(question: dict[str, Any]) -> dict[str, Any]:
    record = dict(question["record"], packages=_versions(question["record"]["packages"]))
    known = _known(question["path"])
    differs = {k: v for k, v in known.items() if k not in TIMES} != {
        k: v for k, v in record.items() if k not in TIMES
    }
    if differs and question["make"]:
        record["first"] = known.get("first") or {"when": record["when"], "seconds": record["seconds"]}
        text = json.dumps(record, indent=2) + "\n"
        write_whole(
            {"path": question["path"], "text": text, "owner": "root", "group": "root", "mode": "0644"}
        )
    return {"differs": differs}


def _known(path: str) -> dict[str, Any]:
    state = state_of(path)
    try:
        found: dict[str, Any] = json.loads(state[0] if state is not None else "{}")
    except ValueError:
        return {}
    return found


def _versions(names: list[str]) -> dict[str, str]:
    words = ["dpkg-query", "-W", "-f", "${Package}\t${Version}\n", *names]
    lines = subprocess.run(words, capture_output=True, text=True, check=False).stdout.splitlines()
    return dict(line.split("\t") for line in lines)
