"""ssh's file of host keys: a proved key is found there by ssh itself, an older one goes, and nothing else does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from threading import Barrier, Thread

import pytest

from pgdeploy.reach.known_hosts import remember
from pgdeploy.reach.login import ssh_options
from tests.vm.whole import error_of

KEYS = [
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtT0QmBhjNCqsi8cLdOGd5xDUQhQ5wUBBKjTVEvnTGY",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfX0r1XH1XbG0C5Fu6X5Kk9zCw9sHk4xq6wWn3kQk0p",
]
OLD, NEW = KEYS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ssh" / "known_hosts"


def _remember(file: Path, key: str = NEW, host: str = "10.25.20.8", port: int | None = None) -> list[str]:
    """What it notes; what it says is the file that it wrote."""
    notes: list[str] = []
    assert remember(host, ssh_options(known_hosts=str(file), port=port), key, notes.append) == file
    return notes


def _found(file: Path, name: str = "10.25.20.8") -> list[str]:
    """The keys that ssh would find under this name."""
    done = subprocess.run(["ssh-keygen", "-F", name, "-f", file], capture_output=True, text=True, check=False)
    return [" ".join(line.split()[1:3]) for line in done.stdout.splitlines() if not line.startswith("#")]


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_no_file_yet(file: Path) -> None:
    """It is made with its folder, which is nobody else's."""
    assert _remember(file) == []
    assert file.read_text() == f"10.25.20.8 {NEW}\n"
    assert file.parent.stat().st_mode & 0o777 == 0o700


def test_another_port_is_another_name(file: Path) -> None:
    _remember(file, OLD)
    assert _remember(file, NEW, port=2222) == []
    assert _found(file) == [OLD]
    assert _found(file, "[10.25.20.8]:2222") == [NEW]


def test_it_is_known_already(file: Path) -> None:
    _write(file, f"10.25.20.8 {NEW} a comment\n")
    before = file.stat()
    assert _remember(file) == []
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_another_key_is_replaced_and_that_is_said(file: Path) -> None:
    others = f"10.25.20.9 {OLD}\n# mine\n"
    _write(file, f"{others}10.25.20.8 {OLD}\n")
    assert _remember(file) == [f"another host key of 10.25.20.8 was in {file}; it is replaced"]
    assert _found(file) == [NEW]
    assert file.read_text() == f"{others}10.25.20.8 {NEW}\n"


def test_a_hashed_name(file: Path) -> None:
    """As ssh itself writes them with HashKnownHosts."""
    _write(file, f"10.25.20.8 {OLD}\n10.25.20.9 {OLD}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    file.with_name("known_hosts.old").unlink()
    assert "10.25.20" not in file.read_text()
    assert len(_remember(file)) == 1
    assert _found(file) == [NEW]
    assert _found(file, "10.25.20.9") == [OLD]


def test_a_hashed_name_that_is_right(file: Path) -> None:
    _write(file, f"10.25.20.8 {NEW}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    before = file.read_text()
    assert _remember(file) == []
    assert file.read_text() == before


def test_several_keys_of_one_host(file: Path) -> None:
    """A key of another type is another's word, and none that the agent gave."""
    _write(file, f"10.25.20.8 {OLD}\n10.25.20.8 {NEW}\n")
    assert len(_remember(file)) == 1
    assert _found(file) == [NEW]


def test_the_last_line_has_no_end(file: Path) -> None:
    _write(file, f"10.25.20.9 {OLD}")
    _remember(file)
    assert file.read_text() == f"10.25.20.9 {OLD}\n10.25.20.8 {NEW}\n"


def test_the_alias_of_ssh_is_the_name(file: Path, tmp_path: Path) -> None:
    """HostKeyAlias has no port, and HostName is who is asked."""
    config = tmp_path / "config"
    config.write_text(f"Host pg01\n  HostName 10.25.20.8\n  Port 2222\n  UserKnownHostsFile {file}\n")
    remember("pg01", ssh_options(config=str(config)), OLD, print)
    assert _found(file, "[10.25.20.8]:2222") == [OLD]
    config.write_text(f"{config.read_text()}  HostKeyAlias the-vm\n")
    remember("pg01", ssh_options(config=str(config)), NEW, print)
    assert _found(file, "the-vm") == [NEW]


def test_two_at_once(file: Path) -> None:
    """Whoever comes second finds it, or writes the same again."""
    barrier = Barrier(4)

    def write() -> None:
        barrier.wait()
        _remember(file)

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(file.read_text().splitlines()) == {f"10.25.20.8 {NEW}"}


def test_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "ssh").write_text("a file, no folder\n")
    file = tmp_path / "ssh" / "known_hosts"
    text = error_of(lambda: _remember(file))
    assert str(file) in text
    assert "the host key cannot be written" in text


def test_it_is_a_folder(file: Path) -> None:
    file.mkdir(parents=True)
    assert str(file) in error_of(lambda: _remember(file))


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give the file to another")
def test_it_stays_its_owners(file: Path) -> None:
    """Rights and owner are as before, also where a key was replaced."""
    _write(file, f"10.25.20.8 {OLD}\n")
    file.chmod(0o600)
    _remember(file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_nothing_else_is_left_in_the_folder(file: Path) -> None:
    """ssh-keygen's copy of the old file is the only one, and it says how it was."""
    _write(file, f"10.25.20.8 {OLD}\n")
    _remember(file)
    assert {left.name for left in file.parent.iterdir()} <= {"known_hosts", "known_hosts.old"}


def test_no_file_of_host_keys_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`UserKnownHostsFile none` is no file called none."""
    config = tmp_path / "config"
    config.write_text("UserKnownHostsFile none\n")
    monkeypatch.chdir(tmp_path)
    text = error_of(lambda: remember("10.25.20.8", ssh_options(config=str(config)), NEW, print))
    assert "ssh keeps no host keys (`UserKnownHostsFile none`)" in text
    assert not (tmp_path / "none").exists()
