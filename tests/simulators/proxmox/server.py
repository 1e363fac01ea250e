"""The HTTPS server: forms in, JSON out, the reason in the status line, and connections that break on demand."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.simulators.proxmox.api import Answer, answer
from tests.simulators.proxmox.cluster import Cluster
from tests.simulators.proxmox.faults import RequestFault

PREFIX = "/api2/json"

REASON = b"x-simulator-reason"
DROP = b"x-simulator-drop"
"""Headers that never leave the server: they tell its protocol what to do with the answer."""


class _Connection(h11.Connection):
    """Takes the reason of an answer from a header; an answer that shall be lost cuts the connection."""

    def __init__(self, cut: Callable[[], None]) -> None:
        super().__init__(h11.SERVER)
        self.cut = cut

    def send_with_data_passthrough(self, event: h11.Event) -> list[bytes] | None:
        if isinstance(event, h11.Response):
            told = dict(event.headers)
            if DROP in told:
                self.cut()
            headers = [(key, value) for key, value in event.headers if key not in (REASON, DROP)]
            reason = told.get(REASON, event.reason)
            event = h11.Response(status_code=event.status_code, headers=headers, reason=reason)
        return super().send_with_data_passthrough(event)


class _Protocol(H11Protocol):
    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.conn = _Connection(self._cut)

    def _cut(self) -> None:
        """Without a farewell, as when a proxy in between dies."""
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()


class _Uvicorn(uvicorn.Server):
    async def main_loop(self) -> None:
        """Ends at once: uvicorn's own looks ten times a second, which is long for a thousand tests."""
        while not self.should_exit:
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Cut what clients keep open: nobody waits for their farewell."""
        for connection in list(self.server_state.connections):
            transport = getattr(connection, "transport", None)
            if isinstance(transport, asyncio.Transport):
                transport.abort()
        end = time.monotonic() + 1
        while self.server_state.connections and time.monotonic() < end:
            await asyncio.sleep(0.001)
        await super().shutdown(sockets)


@dataclass(frozen=True)
class Seen:
    """A request as it came; `status` is None when no answer was given."""

    method: str
    path: str
    parameters: Mapping[str, str]
    user: str
    status: int | None


@dataclass
class Server:
    """Runs in a thread until `stop`."""

    cluster: Cluster
    chain: Path
    key: Path
    seen: list[Seen] = field(default_factory=list)
    port: int = 0

    def start(self) -> None:
        app = Starlette(routes=[Route(f"{PREFIX}/{{path:path}}", self._serve, methods=_METHODS)])
        config = uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            http=_Protocol,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            ssl_certfile=self.chain,
            ssl_keyfile=self.key,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = _Uvicorn(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True, name="proxmox")
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            assert self._thread.is_alive(), "the simulator did not start"
            assert time.monotonic() < end, "the simulator did not start within 10 s"
            time.sleep(0.005)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(10)

    async def _serve(self, request: Request) -> Response:
        method, path = request.method, request.url.path.removeprefix(PREFIX)
        parameters = _parameters(request, await request.body())
        fault = self.cluster.faults.request(method, path)
        if fault is not None and fault.hang:
            await asyncio.sleep(fault.hang)
        if fault is not None and not fault.after and (fault.drop or fault.status):
            made = None
        else:
            header = request.headers.get("authorization")
            made = await run_in_threadpool(answer, self.cluster, method, path, header, parameters)
        response = _response(made, fault)
        lost = DROP.decode() in response.headers
        status = None if lost else response.status_code
        self.seen.append(Seen(method, path, parameters, _user(request), status))
        return response


_METHODS = ["GET", "POST", "PUT", "DELETE"]


def _parameters(request: Request, body: bytes) -> dict[str, str]:
    """Of the body and the query, the query winning, as Proxmox takes them."""
    query = decode(request.url.query)
    if request.method not in ("POST", "PUT") or not body:
        return query
    if request.headers.get("content-type", "").startswith("application/json"):
        return {**{key: _text(value) for key, value in json.loads(body).items()}, **query}
    return {**decode(body.decode()), **query}


def decode(text: str) -> dict[str, str]:
    """As Proxmox does: `;` separates as well as `&`, and what follows a second `=` is lost."""
    pairs = [part.split("=") for part in re.split("[&;]", text) if part]
    return {unquote_plus(pair[0]): unquote_plus(pair[1]) if len(pair) > 1 else "" for pair in pairs}


def _text(value: object) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def _user(request: Request) -> str:
    header = request.headers.get("authorization", "")
    return header.removeprefix("PVEAPIToken").lstrip("= ").rpartition("=")[0]


def _response(made: Answer | None, fault: RequestFault | None) -> Response:
    if fault is not None and fault.drop:
        return Response(headers={DROP.decode(): "1"})
    if made is None:
        assert fault is not None
        made = Answer(fault.status or 500, fault.reason)
    text = b"" if made.content is None else json.dumps(made.content).encode()
    kind = "application/json;charset=UTF-8" if text else "text/plain"
    headers = {REASON.decode(): _header(made.reason), "server": "pve-api-daemon/3.0", "pragma": "no-cache"}
    if made.status >= 400:
        headers["connection"] = "close"
    return Response(text, made.status, headers, kind)


def _header(text: str) -> str:
    """A status line has one line, in the bytes of UTF-8."""
    return text.partition("\n")[0].strip().encode().decode("latin-1")
