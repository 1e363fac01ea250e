"""The OS user postgres in a folder of its own, and files of root's that it must not get at."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyinfra_deploys.this import stdin

SECRET = "root:$y$FATAL-7c1f:20000::::::\n"
"""What /etc/shadow would be. FATAL, as the server's log is looked through for it."""

EXCHANGE = """
import os, sys
folder, target, kept = sys.argv[1:]
while True:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if name != kept and not os.path.islink(path):
            try:
                os.rename(path, path + "-" + os.urandom(4).hex()) if os.path.isdir(path) else os.unlink(path)
                os.symlink(target, path)
            except OSError:
                pass
"""
"""Whatever comes up in its folder it exchanges for a link of its own."""


@dataclass(frozen=True)
class Site:
    """`own` is postgres's folder, `etc` is root's, with the file `shadow`."""

    own: Path
    etc: Path

    @property
    def shadow(self) -> Path:
        return self.etc / "shadow"

    def as_postgres(self, *words: str | Path) -> None:
        subprocess.run([*_AS_POSTGRES, *map(str, words)], check=True, cwd=self.own)

    def link(self, name: str, to: Path) -> Path:
        self.as_postgres("ln", "-sfn", to, self.own / name)
        return self.own / name

    def second_name(self, name: str) -> Path:
        """A hard link to a file of root's, which kernels let postgres make that do not protect them."""
        os.link(self.shadow, self.own / name)
        return self.own / name

    def fifo(self, name: str) -> Path:
        self.as_postgres("mkfifo", self.own / name)
        return self.own / name

    def file(self, name: str, text: str = "") -> Path:
        path = self.own / name
        self.as_postgres("sh", "-c", 'mkdir -p "$(dirname "$1")" && printf %s "$2" > "$1"', "-", path, text)
        return path

    @contextlib.contextmanager
    def exchanging(self, folder: Path, target: Path, kept: str) -> Iterator[None]:
        """postgres exchanges names in the folder, as fast as it can."""
        words = [*_AS_POSTGRES, "/usr/bin/python3", "-c", EXCHANGE, str(folder), str(target), kept]
        attacker = subprocess.Popen(words, cwd="/")
        try:
            yield
            assert attacker.poll() is None, "nobody attacked"
        finally:
            attacker.kill()
            attacker.wait()

    def intact(self) -> None:
        """Root's files are root's, with what was in them."""
        known = self.shadow.stat()
        assert (known.st_uid, known.st_gid, known.st_mode & 0o7777) == (0, 0, 0o600)
        assert self.shadow.read_text() == SECRET
        folder = self.etc.stat()
        assert (folder.st_uid, folder.st_mode & 0o7777) == (0, 0o755)
        assert sorted(os.listdir(self.etc)) == ["shadow"]


_AS_POSTGRES = ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups")


@contextlib.contextmanager
def site() -> Iterator[Site]:
    if os.geteuid() != 0:
        pytest.skip("needs root: it is what postgres would become")
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        if os.environ.get("PGDEPLOY_CI"):
            pytest.fail("there is no OS user postgres")
        pytest.skip("there is no OS user postgres")
    folder = Path(tempfile.mkdtemp(prefix="pgdeploy-attack-"))
    try:
        folder.chmod(0o755)
        made = Site(folder / "own", folder / "etc")
        made.etc.mkdir(mode=0o755)
        made.own.mkdir()
        made.shadow.write_text(SECRET)
        made.shadow.chmod(0o600)
        os.chown(made.own, user.pw_uid, user.pw_gid)
        yield made
    finally:
        shutil.rmtree(folder)


def on_host(script: str, question: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """A script as root runs it on a host; it answers at once, whatever postgres placed."""
    return python(["-"], stdin(script, question))


def python(words: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *words]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as running:
        try:
            said, errors = running.communicate(text, timeout=20)
        except subprocess.TimeoutExpired:
            # with the program that waits for a FIFO
            os.killpg(running.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(command, running.returncode, said, errors)
