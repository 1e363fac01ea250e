"""Proxmox VE's API by proxmoxer: an API token, TLS that is always verified, and errors that say what to do.

A GET is asked again when the way there fails. Anything else is not, as it may have been done: that error is
`Passing`, and whoever gets it looks before it asks again.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from pgdeploy.errors import MissingExtra, TargetError

if TYPE_CHECKING:
    from pgdeploy.secret.reference import SecretRef

CONNECT_TIMEOUT, TIMEOUT = 5, 30
"""Seconds until a connection must stand, and until a request must be answered."""

PAUSES = (0.3, 0.6, 1.2, 2.4)
"""Seconds between the tries of a GET."""

_GATEWAY = {502, 503, 504, 595, 596, 597, 598, 599}
"""The node that was asked cannot reach the one that it is about; 59x are Proxmox's own."""

_PASSING = re.compile(
    r"(?<!powerdown failed - )got timeout|checksum mismatch|detected modified configuration"
    r"|resource temporarily unavailable",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"\d%(?![0-9A-Fa-f])")
"""As tasks tell how far they are; not what is percent-encoded."""

_SECRET = re.compile("[!-~]+")
_PRIVILEGE = re.compile(r"\((?P<path>/[^,]*), (?P<privileges>[\w.|, ]+)\)")


class ProxmoxError(TargetError):
    """A request failed. `reason` is what Proxmox, or the connection, says."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class Passing(ProxmoxError):
    """The way there failed, or another was faster: whether it was done is not known, and it may be tried again."""


class Refused(ProxmoxError):
    """Proxmox answered, and said no."""

    def __init__(self, message: str, reason: str, status: int) -> None:
        super().__init__(message, reason)
        self.status = status


class Proxmox:
    """One cluster. Nothing is imported, read or connected before the first request."""

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        token: str,
        secret: SecretRef,
        *,
        fingerprint: str | None = None,
        ca: str | None = None,
    ) -> None:
        self.address = f"{host}:{port}"
        self._host, self._port, self._user, self._token = host, port, user, token
        self._secret, self._fingerprint, self._ca = secret, fingerprint, ca

    def get(self, *path: object, **parameters: object) -> Any:
        """What Proxmox answers.

        Raises:
            MissingExtra: proxmoxer is not installed.
            SecretError: the token's secret cannot be had.
            ProxmoxError: it cannot be reached, or refuses.
        """
        for pause in PAUSES:
            try:
                return self._ask("get", path, parameters)
            except Passing:
                time.sleep(pause)
        return self._ask("get", path, parameters)

    def post(self, *path: object, **parameters: object) -> Any:
        """Raises as `get` does."""
        return self._ask("post", path, parameters)

    def put(self, *path: object, **parameters: object) -> Any:
        """Raises as `get` does."""
        return self._ask("put", path, parameters)

    def delete(self, *path: object, **parameters: object) -> Any:
        """Raises as `get` does."""
        return self._ask("delete", path, parameters)

    @cached_property
    def _api(self) -> Any:
        try:
            from proxmoxer import ProxmoxAPI
        except ImportError:
            raise MissingExtra("proxmox", "asking Proxmox VE") from None
        if self._ca is not None and not Path(self._ca).expanduser().is_file():
            tried = Path(self._ca).expanduser().absolute()
            raise TargetError(f"{self.address}: `ca: {self._ca}`: there is no file {tried}")
        api = ProxmoxAPI(
            self._host,
            port=self._port,
            user=self._user,
            token_name=self._token,
            token_value=self._read_secret(),
            verify_ssl=self._proof,
            timeout=(CONNECT_TIMEOUT, TIMEOUT),
        )
        if self._fingerprint is not None:
            # the certificate itself is the proof, so who signed it does not matter
            api._store["session"].mount("https://", _pinned(self._fingerprint))
        return api

    def _read_secret(self) -> str:
        """What no header can hold would be shown by the library that refuses it."""
        secret = self._secret.read().reveal()
        if not _SECRET.fullmatch(secret):
            raise TargetError(
                f"{self._secret.describe()} is no secret of an API token, such as "
                "01234567-89ab-cdef-0123-456789abcdef: it has other characters, or more than one line"
            )
        return secret

    @property
    def _proof(self) -> bool | str:
        if self._ca is not None:
            return str(Path(self._ca).expanduser())
        return self._fingerprint is None

    def _ask(self, verb: str, path: tuple[object, ...], parameters: dict[str, object]) -> Any:
        api = self._api
        from proxmoxer import ResourceException
        from requests.exceptions import RequestException

        try:
            answer = getattr(api, verb)("/".join(map(str, path)), **parameters)
        except ResourceException as error:
            self._refused(verb, path, parameters, error)
        except RequestException as error:
            self._lost(error)
        except (AttributeError, KeyError, TypeError):  # JSON, but without `data`
            raise self.stranger() from None
        is_page = isinstance(answer, dict) and isinstance(answer.get("errors"), bytes)
        if is_page or (answer is None and verb == "get"):
            raise self.stranger()
        return answer

    def stranger(self) -> TargetError:
        """The error of an answer that Proxmox would not give."""
        return TargetError(f"{self.address} does not answer as Proxmox VE does; look at `host:` and `port:`")

    def _refused(
        self, verb: str, path: tuple[object, ...], parameters: dict[str, object], error: Any
    ) -> NoReturn:
        status, reason = int(error.status_code), _words(error)
        request = f"{verb.upper()} /{'/'.join(map(str, path))}"
        here = f"Proxmox at {self.address}"
        if status == 401:
            message = (
                f"{here} does not take the token {self._user}!{self._token} with the secret of "
                f"{self._secret.describe()} ({reason}): is it the right one, and not expired?"
            )
        elif status == 403:
            message = f"{here} forbids {request}: {reason}{self._missing(reason, parameters)}"
        elif status in _GATEWAY:
            node = f"node {path[1]}" if path[0] == "nodes" else "its node"
            raise Passing(f"{here} cannot reach {node}: {status} {reason}", reason)
        elif _PASSING.search(reason):
            raise Passing(f"{here}: {reason}", reason)
        else:
            message = f"{here} refuses {request}: {reason}"
        raise Refused(message, reason, status)

    def _missing(self, reason: str, parameters: dict[str, object]) -> str:
        """Which privilege the token lacks, and how it gets it."""
        found = _PRIVILEGE.search(reason)
        if found is None and "newid" in parameters:
            # a pool might give it as well, so Proxmox does not name it
            found = _PRIVILEGE.search(f"(/vms/{parameters['newid']}, VM.Allocate)")
        if found is None:
            return f"; look at the privileges of the token {self._user}!{self._token}"
        wanted = found["privileges"].replace("|", " or ")
        return (
            f"; the token {self._user}!{self._token} lacks {wanted} on {found['path']}: give its user a role that has "
            f"it, by pveum acl modify {found['path']} --users {self._user} --roles ROLE, and where the token has "
            f"privilege separation the token too: --tokens '{self._user}!{self._token}'"
        )

    def _lost(self, error: Exception) -> NoReturn:
        from requests.exceptions import ConnectTimeout, SSLError, Timeout

        here = f"Proxmox at {self.address}"
        if isinstance(error, SSLError):
            raise TargetError(f"{here}: {self._unproved(str(error))}") from None
        patience = CONNECT_TIMEOUT if isinstance(error, ConnectTimeout) else TIMEOUT
        why = f"no answer within {patience} s" if isinstance(error, Timeout) else _cause(error)
        raise Passing(f"{here} cannot be reached: {why}", why) from None

    def _unproved(self, said: str) -> str:
        if self._fingerprint is not None:
            return "its certificate is not the one of `fingerprint:`; nothing was sent. Compare it on the node itself"
        if "NO_CERTIFICATE" in said:
            return f"`ca: {self._ca}` holds no certificate in PEM"
        why = said.rpartition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        proof = f"`ca: {self._ca}`" if self._ca is not None else "a CA of this system"
        return (
            f"its certificate is not proved by {proof} ({why}); nothing was sent. Write `fingerprint:` as the node's "
            "Certificates page shows it, or `ca:` with a copy of /etc/pve/pve-root-ca.pem"
        )


def _pinned(fingerprint: str) -> Any:
    """An adapter of requests that takes one certificate alone; it looks before anything is sent."""
    from requests.adapters import HTTPAdapter

    class Pinned(HTTPAdapter):
        def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
            super().init_poolmanager(*arguments, **options, assert_fingerprint=fingerprint)

        def proxy_manager_for(self, *arguments: Any, **options: Any) -> Any:
            # where the environment names a proxy, whoever is behind it
            return super().proxy_manager_for(*arguments, **options, assert_fingerprint=fingerprint)

    return Pinned()


def _words(error: Any) -> str:
    """Proxmox's own: the reason, and for each refused parameter why."""
    reason = " ".join(str(error.content or error.status_message or "").split()).rstrip(".")
    details = error.errors if isinstance(error.errors, dict) else {}
    # bytes are proxmoxer's own: the body of an answer that is no JSON, as a proxy gives it
    said = {name: text for name, text in details.items() if not isinstance(text, bytes)}
    each = [f"{name}: {' '.join(str(text).split())}" for name, text in said.items()]
    return "; ".join(filter(None, [reason, *each])) or f"HTTP {error.status_code}"


def _cause(error: BaseException) -> str:
    """The system's own word at the root of what requests raises."""
    seen: BaseException = error
    while (deeper := seen.__cause__ or seen.__context__) is not None:
        seen = deeper
    return getattr(seen, "strerror", None) or str(seen) or type(seen).__name__


def wait_for_task(
    proxmox: Proxmox,
    task: str,
    what: str,
    *,
    deadline: Callable[[], None],
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Wait until a task has ended; `note` is told how far it is, `deadline` raises when it takes too long.

    Raises:
        ProxmoxError: it failed; its own words.
    """
    node = task.split(":")[1]
    here = ("nodes", node, "tasks", task)
    pause, said = 0.02, 0  # most tasks are quick: they are not to wait for us
    while (status := proxmox.get(*here, "status"))["status"] != "stopped":
        deadline()
        time.sleep(pause)
        pause = min(pause * 1.5, 2)
        said = _progress(proxmox, here, said, what, note)
    outcome = str(status.get("exitstatus", "unexpected status"))
    if outcome.startswith("WARNINGS"):
        note(f"{what} ended with {outcome}; see the task's log: {task}")
    elif outcome != "OK":
        kind = Passing if _PASSING.search(outcome) else ProxmoxError
        raise kind(f"{what} failed: {outcome} (task {task})", outcome)


def _progress(
    proxmox: Proxmox, here: tuple[str, ...], said: int, what: str, note: Callable[[str], None]
) -> int:
    """Tell the newest line that says how far it is."""
    lines = proxmox.get(*here, "log", start=said, limit=500)
    telling = [line["t"] for line in lines if _PERCENT.search(line["t"])]
    if telling:
        note(f"{what}: {telling[-1]}")
    return said + len(lines)
