"""Rows that a function of Python gives: it is called in a process of its own, as migrations are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pgdeploy.errors import TargetError
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.secret.place import scrub
from pgdeploy.text.one_line import one_line

LONGEST = 60
"""Seconds that it may take: seeds are few rows."""
_PROGRAM = """
import datetime, importlib.util, json, os, sys

answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)
file, name = sys.argv[1:]
sys.path.insert(0, os.path.dirname(file))

def text(value):
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (bytes, bytearray)):
        return chr(92) + "x" + value.hex()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)

def rows():
    spec = importlib.util.spec_from_file_location("pgdeploy_seed", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    columns, found = [], []
    for number, row in enumerate(getattr(module, name)(), 1):
        if not isinstance(row, dict) or (columns and list(row) != columns and set(row) != set(columns)):
            raise TypeError(f"row {number} is no dict with the columns of the first")
        columns = columns or [str(key) for key in row]
        found.append([text(row[key]) for key in columns])
    return {"columns": columns, "rows": found}

try:
    said = rows()
except BaseException as error:
    line = error.__traceback__
    at = ""
    while line is not None:
        if line.tb_frame.f_code.co_filename == file:
            at = f":{line.tb_lineno}"
        line = line.tb_next
    said = {"failed": f"{file}{at}: {type(error).__name__}: {error}"}
json.dump(said, answer)
answer.close()
"""


def call(file: Path, name: str) -> tuple[tuple[str, ...], list[tuple[str | None, ...]]]:
    """The columns and rows that `name()` of the file gives: an iterable of dicts with the same keys.

    Raises:
        TargetError: it fails, with the line of the file that did, or takes too long.
    """
    if not file.is_file():
        raise TargetError(
            f"{file}: no such file (a relative path counts from the folder of the spec that says it)"
        )
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", _PROGRAM, str(file.resolve()), name],
            env=environment_of_children(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TargetError(f"{file}: {name}() takes longer than {LONGEST} s") from None
    try:
        said = json.loads(done.stdout)
    except ValueError:
        last = one_line(scrub((done.stderr.strip().splitlines() or ["nothing"])[-1]))
        raise TargetError(f"{file}: {name}() ended without an answer, and said {last}") from None
    if "failed" in said:
        raise TargetError(one_line(scrub(said["failed"])))
    return tuple(said["columns"]), [tuple(row) for row in said["rows"]]
