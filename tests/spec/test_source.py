from __future__ import annotations

import os
from pathlib import Path

import pytest

from pgdeploy.spec import source
from pgdeploy.spec.source import FaultError, read_text


def fault(file: Path, raw: bytes | None = None) -> str:
    if raw is not None:
        file.write_bytes(raw)
    with pytest.raises(FaultError) as caught:
        read_text(file)
    return str(caught.value).removeprefix(f"{file}:")


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_bytes(b"\xef\xbb\xbfa: 1")
    assert read_text(file) == "a: 1"


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a: 1\nb: \xff", "2:4: byte 0xff is not UTF-8"),
        (b"\xef\xbb\xbfa: \xff", "1:4: byte 0xff is not UTF-8"),
        (b"\xff\xfea\x00", "1:1: byte 0xff is not UTF-8"),
        (b"a: 1\r\nb: \xc3\xa9\x00", "2:5: character U+0000"),
        ("a: x\u2028y".encode(), "1:5: character U+2028"),
        ("a: \x85".encode(), "1:4: character U+0085"),
    ],
)
def test_what_is_no_text_is_refused_at_its_place(tmp_path: Path, raw: bytes, said: str) -> None:
    assert fault(tmp_path / "a.yaml", raw).startswith(said)


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "not a regular file" in fault(tmp_path)
    assert "cannot be read: No such file" in fault(tmp_path / "absent.yaml")
    assert "cannot be read" in fault(tmp_path / ("x" * 500))
    assert "cannot be read" in fault(tmp_path / "a\0b")
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in fault(tmp_path / "pipe")


def test_a_huge_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_BYTES", 10)
    assert "larger than 10 bytes" in fault(tmp_path / "a.yaml", b"a" * 11)
