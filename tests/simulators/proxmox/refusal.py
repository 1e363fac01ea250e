"""What Proxmox answers when it will not: a status, a text, and for parameters a text each."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """A plain `die` of the server is a 500 with its text in the status line."""

    status = 500

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = self.status if status is None else status

    @property
    def errors(self) -> Mapping[str, str]:
        return {}


class BadParameters(Refusal):
    status = 400

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("Parameter verification failed.")
        self._errors = dict(errors)

    @property
    def errors(self) -> Mapping[str, str]:
        return self._errors


class Forbidden(Refusal):
    status = 403

    def __init__(self, what: str = "") -> None:
        super().__init__(f"Permission check failed ({what})" if what else "Permission check failed")
