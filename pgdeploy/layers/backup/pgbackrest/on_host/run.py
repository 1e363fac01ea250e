"""Runs on the host: pgBackRest, or another program as the server's user; gives what it says, and how it ended."""

from __future__ import annotations

from typing import Any

from pgdeploy.layers.backup.pgbackrest.on_host.common import answer, as_server, pgbackrest, why

question: dict[str, Any] = globals().get("question", {})


def ran() -> dict[str, Any]:
    if question.get("program"):
        done = as_server([question["program"], *question["words"]], **question.get("environment", {}))
    else:
        done = pgbackrest(question["stanza"], question["words"])
    return {"status": done.returncode, "out": done.stdout, "said": done.stderr, "why": why(done)}


if __name__ == "__main__":
    answer(ran)
