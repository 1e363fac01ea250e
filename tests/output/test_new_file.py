"""Files of the operator's: their modes, and that they are whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgdeploy.local.new_file import require_writable, write_file


@pytest.fixture(params=[0o022, 0o077, 0o027])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def test_a_new_file_has_the_mode_of_the_umask(umask: int, tmp_path: Path) -> None:
    write_file(tmp_path / "new", "text")
    assert mode(tmp_path / "new") == 0o666 & ~umask


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o644, 0o444])
def test_a_file_keeps_its_mode(umask: int, tmp_path: Path, kept: int) -> None:
    file = tmp_path / "old"
    file.write_text("longer than the new one")
    file.chmod(kept)
    require_writable(file)
    write_file(file, "text")
    assert (mode(file), file.read_text()) == (kept, "text")
    assert os.listdir(tmp_path) == ["old"]


def test_no_half_file_where_it_cannot_be_whole(tmp_path: Path) -> None:
    """A limit on the size of files stands for a full disk, which only root can make."""
    (tmp_path / "old").write_text("old")
    code = """
import resource, signal, sys
from pathlib import Path
from pgdeploy.local.new_file import write_file
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for name in ("old", "new"):
    try:
        write_file(Path(name), "x" * 100_000)
    except OSError as error:
        print(error.filename, error.strerror)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "old File too large\nnew File too large\n"
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("old", "old")]


def test_a_link_of_ours_is_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real/file")
    write_file(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real/file").read_text() == "text"


@pytest.mark.parametrize("call", [require_writable, lambda file: write_file(file, "text")])
def test_a_link_of_another_user_is_refused(tmp_path: Path, call: Callable[[Path], None]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a link of another user")
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    os.lchown(tmp_path / "link", 65534, 65534)
    with pytest.raises(PermissionError, match="symbolic link of another user"):
        call(tmp_path / "link")
    assert (tmp_path / "file").read_text() == "old"


def test_a_file_of_another_user_becomes_ours_alone(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a file of another user")
    file = tmp_path / "file"
    file.touch(0o666)
    os.chown(file, 65534, 65534)
    write_file(file, "text")
    assert (file.stat().st_uid, mode(file)) == (0, 0o600)


def test_devices_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    before = Path("/dev/null").stat()
    for file in (Path("/dev/null"), Path("/dev/full")):
        require_writable(file)
    write_file(Path("/dev/null"), "text")
    assert Path("/dev/null").stat().st_ino == before.st_ino
    assert Path("/dev/null").is_char_device()
    with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
        write_file(Path("/dev/full"), "text")


def test_stdout_is_written_to(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from pgdeploy.local.new_file import write_file; print(1, flush=True); "
        "write_file(Path('/dev/stdout'), '2'); print(3)"
    )
    command = [sys.executable, "-c", code]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n23\n"
