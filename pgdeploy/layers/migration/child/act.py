"""Runs in a process of its own: the scripts of a project, which with Alembic are code of the project.

Wherever they connect, it is to the database of the target, as the declared role; version table, one transaction a
revision and timeouts are the spec's, too. Questions are lines of standard input, which stays open: when the one who
asks is gone, so is this. Answers are lines of JSON in a pipe of their own, as env.py may print.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import IO, Any, NoReturn

from pgdeploy.layers.migration.child.asked import Asked, folder_of
from pgdeploy.layers.migration.child.connection import Way, redirect
from pgdeploy.layers.migration.child.wording import code_of, place_of, words_of

FAILED = 3


def main() -> NoReturn:
    """Answer questions until nobody asks, or one failed: what a failure left in this process nobody knows."""
    lines: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_listen, args=(lines,), daemon=True).start()
    question = json.loads(lines.get())
    way = redirect()
    with os.fdopen(question["answer"], "w", encoding="utf-8") as answer:
        while _answered(question, answer, lines, way):
            question = json.loads(lines.get())
    os._exit(FAILED)


def _listen(lines: SimpleQueue[str]) -> None:
    """What who asks says; nothing goes on for somebody who is gone."""
    for line in sys.stdin:
        lines.put(line)
    os._exit(FAILED)


def _answered(question: Mapping[str, Any], answer: IO[str], lines: SimpleQueue[str], way: Way) -> bool:
    asked: Asked | None = None
    try:
        way.question = question
        asked = _kind(question)(question, answer, lines)
        getattr(asked, question["act"])()
    except BaseException as error:  # noqa: BLE001 - whatever the project's code raises is told
        failed = {
            "failed": words_of(error),
            "code": code_of(error),
            "where": asked.place(error) if asked is not None else place_of(error, folder_of(question)),
            "revision": asked.at if asked is not None else "",
        }
        answer.write(json.dumps(failed) + "\n")
        return False
    return True


def _kind(question: Mapping[str, Any]) -> type[Asked]:
    if question["kind"] == "sql":
        from pgdeploy.layers.migration.child.of_files import Files

        return Files
    from pgdeploy.layers.migration.child.of_alembic import Alembic

    return Alembic
