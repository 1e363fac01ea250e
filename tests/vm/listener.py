"""What a client sends to whoever answers: a TLS server with any certificate, a plain one, and a proxy before them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path


def answer(body: bytes, kind: str = "application/json", status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


ANSWER = answer(b'{"data":[]}')


@dataclass
class Listener:
    """`heard` is all that came through the handshake, or without one."""

    port: int
    heard: bytearray = field(default_factory=bytearray)
    connections: int = 0


Serve = Callable[[socket.socket, Listener], None]


@contextmanager
def listener(serve: Serve, address: str = "127.0.0.1") -> Iterator[Listener]:
    """Listens on a port of its own until the end of the block."""
    with socket.create_server((address, 0)) as server:
        made = Listener(server.getsockname()[1])
        server.settimeout(0.05)
        over = threading.Event()

        def accept() -> None:
            while not over.is_set():
                with suppress(OSError):
                    connection, _ = server.accept()
                    made.connections += 1
                    with connection:
                        connection.settimeout(2)
                        serve(connection, made)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield made
        finally:
            over.set()
            thread.join(5)


def tls(chain: Path, key: Path, said: bytes = ANSWER) -> Serve:
    """With this certificate, and one answer to all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)

    def serve(connection: socket.socket, made: Listener) -> None:
        with suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
            _hear(secured, made, said)

    return serve


def plain(connection: socket.socket, made: Listener) -> None:
    """Without TLS: what a client of it sends first is heard as it is."""
    _hear(connection, made)


def _hear(connection: socket.socket, made: Listener, said: bytes = ANSWER) -> None:
    heard = b""
    while b"\r\n\r\n" not in heard:
        part = connection.recv(65536)
        if not part:
            return
        heard += part
        made.heard += part
    connection.sendall(said)


def proxy(port: int) -> Serve:
    """Takes a CONNECT to anything, and connects it to this port."""

    def serve(connection: socket.socket, made: Listener) -> None:
        made.heard += connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", port)) as behind:
            back = threading.Thread(target=_pass, args=(behind, connection), daemon=True)
            back.start()
            _pass(connection, behind)
            back.join(2)

    return serve


def _pass(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)
