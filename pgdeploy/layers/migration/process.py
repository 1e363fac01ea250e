"""A process of its own that runs the project's code, and hears nothing but what it needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import IO, Any

from pgdeploy.errors import TargetError
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.secret.place import scrub
from pgdeploy.text.one_line import one_line

PROGRAM = "from pgdeploy.layers.migration.child.act import main; main()"
Hear = Callable[[Mapping[str, Any]], None]


class MigrationError(TargetError):
    """What Alembic, env.py, a revision or the server said; `code` is the server's, `revision` where it stopped."""

    def __init__(self, *lines: str, code: str = "", revision: str = "") -> None:
        super().__init__(*lines)
        self.code, self.revision = code, revision


class Process:
    """Answers questions about the scripts in one place until it is closed; after an error it answers no more."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115 - it is closed with the process
        reader, self._writer = os.pipe()
        try:
            self._running = subprocess.Popen(
                [sys.executable, "-P", "-c", PROGRAM],
                cwd=path.parent,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=self._printed,
                stderr=self._printed,
                pass_fds=(self._writer,),
                text=True,
            )
        finally:
            os.close(self._writer)
        self._answer = os.fdopen(reader, encoding="utf-8")

    def ask(self, question: Mapping[str, Any], hear: Hear) -> dict[str, Any]:
        """Raises MigrationError: it failed; with the file and line of the project where that is known."""
        self._tell(json.dumps({**question, "answer": self._writer}))
        for line in self._answer:
            said = json.loads(line)
            if "failed" in said:
                raise _failed(said)
            if "result" in said:
                return dict(said["result"])
            hear(said)
            if "act" in said:  # it waits until that was heard
                self._tell("")
        self._printed.seek(0)
        raise MigrationError(
            f"{self._path}: its process ended without an answer{_last(self._printed.read())}"
        )

    def close(self) -> None:
        self._running.kill()
        self._running.wait()
        with suppress(OSError):
            self._stdin.close()
        self._answer.close()
        self._printed.close()

    def _tell(self, line: str) -> None:
        """One that has ended hears nothing any more, and has said why."""
        with suppress(BrokenPipeError):
            self._stdin.write(f"{line}\n")
            self._stdin.flush()

    @property
    def _stdin(self) -> IO[str]:
        assert self._running.stdin is not None  # noqa: S101 - it is a pipe
        return self._running.stdin


_kept: ContextVar[dict[Path, Process] | None] = ContextVar("kept", default=None)


@contextmanager
def kept_processes() -> Iterator[None]:
    """In this block one process of each place answers all questions: to import a project takes its time."""
    if _kept.get() is not None:
        yield
        return
    processes: dict[Path, Process] = {}
    token = _kept.set(processes)
    try:
        yield
    finally:
        _kept.reset(token)
        for process in processes.values():
            process.close()


def ask_process(path: Path, question: Mapping[str, Any], hear: Hear) -> dict[str, Any]:
    """Ask the process that is kept, or one that is made for this question. Raises as `Process.ask` does."""
    kept = _kept.get()
    if kept is None:
        with closing(Process(path)) as process:
            return process.ask(question, hear)
    process = kept.get(path) or kept.setdefault(path, Process(path))
    try:
        return process.ask(question, hear)
    except BaseException:
        kept.pop(path).close()
        raise


def _environment() -> dict[str, str]:
    """The project's code may want the user's variables, but none of libpq's: they lead elsewhere."""
    own = str(Path(__file__).parents[3])
    known = os.environ.get("PYTHONPATH")
    path = own if not known else f"{known}{os.pathsep}{own}"
    return environment_of_children() | {"PGPASSFILE": f"{os.devnull}/none", "PYTHONPATH": path}


def _failed(said: Mapping[str, Any]) -> MigrationError:
    where = f"{said['where']}: " if said["where"] else ""
    at = f"revision {said['revision']}: " if said["revision"] else ""
    return MigrationError(
        one_line(f"{where}{at}{scrub(said['failed'])}"), code=said["code"], revision=said["revision"]
    )


def _last(printed: bytes) -> str:
    lines = printed.decode("utf-8", "replace").strip().splitlines()
    return f": {one_line(scrub(lines[-1]))}" if lines else ""
