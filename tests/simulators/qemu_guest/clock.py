"""A time server for machines that reach none outside: it says what time it is here."""

from __future__ import annotations

import socket
import struct
import threading
import time

_SINCE_1900 = 2208988800
_PACKET = struct.Struct(">BBbbII4sQQQQ")
_SERVER, _STRATUM = 0x24, 2
"""No warning, version 4, mode 4; as good as a server that follows a good one."""


class TimeServer:
    """NTP on this address, until it is closed."""

    def __init__(self, address: str, port: int = 123) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                question, caller = self._socket.recvfrom(1024)
                heard = _now()
                if len(question) >= _PACKET.size:
                    self._socket.sendto(answer(question, heard), caller)
            except OSError:
                return


def answer(question: bytes, heard: int) -> bytes:
    """To a question that was heard then, in NTP's own format of time."""
    sent = _PACKET.unpack(question[: _PACKET.size])[-1]
    return _PACKET.pack(_SERVER, _STRATUM, 6, -20, 66, 66, b"\x7f\x7f\x01\x01", heard, sent, heard, _now())


def _now() -> int:
    return int((time.time() + _SINCE_1900) * 2**32)
