"""Runs on the host: keep a text in a folder of root's, whole or not at all."""

from __future__ import annotations

import os
from typing import Any

from pgdeploy.layers.backup.pgbackrest.on_host.common import answer

question: dict[str, Any] = globals().get("question", {})


def kept() -> None:
    os.makedirs(question["folder"], 0o755, exist_ok=True)
    path = os.path.join(question["folder"], question["name"])
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(question["text"])
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".new", path)


if __name__ == "__main__":
    answer(kept)
