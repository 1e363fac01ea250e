"""From a file name to text that YAML can be read from: one clear fault for anything else."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from pgdeploy.spec.place import Fault, Place

# A spec of a thousand roles is well below a megabyte.
MAX_BYTES = 16_000_000

# Beyond what YAML itself forbids: the Unicode line breaks, which YAML 1.1 and 1.2 count differently
# (lines would be numbered wrongly), and the byte order mark, which nobody can see.
_FORBIDDEN = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
_BREAK = re.compile("\r\n|\r|\n")


class FaultError(Exception):
    """A document cannot be read further; carries its one fault. The loader turns it into SpecError."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


def is_file(file: Path) -> bool:
    """Whether there is a regular file, for any name at all (Path.is_file raises for very long ones)."""
    try:
        return file.is_file()
    except (OSError, ValueError):
        return False


def exists(file: Path) -> bool:
    """Whether there is anything of this name, for any name at all."""
    try:
        return file.exists()
    except (OSError, ValueError):
        return False


def read_text(file: Path) -> str:
    """The text of a UTF-8 file without its byte order mark. Raises FaultError."""
    raw = _read_bytes(file)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # What was decoded, `object`, is what follows the byte order mark.
        before = error.object[: error.start].decode("utf-8", "replace")
        byte = error.object[error.start]
        raise _fault(file, before, f"byte 0x{byte:02x} is not UTF-8; save the file as UTF-8") from None
    _refuse_forbidden(file, text)
    return text


def _read_bytes(file: Path) -> bytes:
    try:
        raw = _read_regular(file)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise _fault(file, "", f"cannot be read: {reason}") from None
    if raw is None:
        raise _fault(file, "", "this is not a regular file; a spec is a YAML file")
    if len(raw) > MAX_BYTES:
        raise _fault(file, "", f"is larger than {MAX_BYTES:,} bytes; a spec is smaller")
    return raw


def _read_regular(file: Path) -> bytes | None:
    """The content, or None of what is no file: a device or a pipe would never end, nor would opening one."""
    # looked at after it is opened, or it could be another by then
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        with open(descriptor, "rb", closefd=False) as stream:
            return stream.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _refuse_forbidden(file: Path, text: str) -> None:
    match = _FORBIDDEN.search(text)
    if match is None:
        return
    name = f"U+{ord(match[0]):04X}"
    message = f"character {name} may not stand in a spec (in double quotes, write it as an escape)"
    raise _fault(file, text[: match.start()], message)


def _fault(file: Path, before: str, message: str) -> FaultError:
    lines = _BREAK.split(before)
    return FaultError(Fault(Place(str(file), len(lines), len(lines[-1]) + 1), message))
