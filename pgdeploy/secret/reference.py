"""Secrets: references to them in a spec, their values at run time, and the masking of both.

A spec never holds a password, only where it is: `{env: NAME}`, `{file: PATH}` or `{command: [...]}`.
What is wrong with a reference is said without showing it, as it may be a password in the wrong place.
"""

from __future__ import annotations

import hashlib
import hmac
import html
import json
import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from secrets import token_urlsafe
from typing import Annotated, NoReturn
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.config import JsonDict
from pydantic.json_schema import SkipJsonSchema
from pydantic_core import PydanticCustomError

from pgdeploy.errors import SecretError
from pgdeploy.local.path import LocalPath, absent
from pgdeploy.local.trust import no_commands
from pgdeploy.secret import scram
from pgdeploy.secret.masked import MASK
from pgdeploy.secret.scram import ITERATIONS, is_scram, mask_hashes

__all__ = [
    "MASK",
    "SECRET_TEXT",
    "Secret",
    "SecretRef",
    "is_scram",
    "is_verifier",
    "mask",
    "mask_hashes",
    "matches",
    "slow_hash",
    "stand_ins",
    "verifier",
]

SECRET_TEXT = "secret_text"  # noqa: S105
"""The pydantic error type of a bad reference. Who prints errors must not print this one's input."""

COMMAND_TIMEOUT = 30
"""Seconds until a command that gives no secret is killed."""

MAX_BYTES = 65535
"""Longer is no password but a wrong file; PostgreSQL's login messages hold no more."""

_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_KEYS = {
    "env": "env is the name of an environment variable: letters, digits and _",
    "file": "file is a path",
    "command": "command is a list, a program and its arguments: {command: [PROGRAM, ARGUMENT]}",
}
_FORMS = "{env: NAME}, {file: PATH} or {command: [...]}"


class Secret:
    """A secret's value. It shows itself as `********` everywhere; only `reveal` gives it.

    Raises:
        SecretError: empty (PostgreSQL stores an empty password as none), holds NUL, or is no UTF-8 text.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        if fault := _fault_of_value(value):
            raise SecretError(f"the secret {fault}")
        self._value = value

    def reveal(self) -> str:
        """The value itself."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")


class _Refused:
    """Stands for a refused input in pydantic's errors, which show their input."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __repr__(self) -> str:
        return MASK


def _bare(schema: JsonDict) -> None:
    schema.pop("default", None)


_Text = Annotated[str, Field(min_length=1)] | SkipJsonSchema[None]
_File = Annotated[LocalPath, Field(min_length=1)] | SkipJsonSchema[None]
_Words = Annotated[tuple[str, ...], Field(min_length=1)] | SkipJsonSchema[None]


class SecretRef(BaseModel):
    """Where a secret is. Exactly one of the three; a relative path counts from the folder of the file that says it."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        json_schema_extra={"minProperties": 1, "maxProperties": 1},
    )

    env: _Text = Field(None, description="the environment variable that holds it", json_schema_extra=_bare)
    file: _File = Field(None, description="the file that holds it, and nothing else", json_schema_extra=_bare)
    command: _Words = Field(
        None, description="the command, as a list, that prints it", json_schema_extra=_bare
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse(cls, value: object) -> object:
        if isinstance(value, _Refused):
            raise PydanticCustomError(SECRET_TEXT, "{message}", {"message": value.message})
        return value

    # Validators of this mode run last to first: this one takes what was written out of pydantic's sight.
    @model_validator(mode="before")
    @classmethod
    def _inspect(cls, value: object) -> object:
        fault = None if isinstance(value, SecretRef) else _fault_of_reference(value)
        return _Refused(fault) if fault else value

    def describe(self) -> str:
        """What messages call it: `env NAME`, `file PATH`, `command PROGRAM`. Arguments may hold secrets: not shown."""
        if self.command is not None:
            return f"command {self.command[0]}"
        return f"env {self.env}" if self.env is not None else f"file {self.file}"

    def read(self) -> Secret:
        """The secret as it is now; of a file and a command without one newline at the end.

        Raises:
            SecretError: there is none, or none that PostgreSQL can use. What was read is never in the message.
        """
        value = self._from_env() if self.env is not None else _decoded(self._from_outside())
        if fault := _fault_of_value(value):
            raise self._error(fault)
        return Secret(value)

    def _from_env(self) -> str:
        value = os.environ.get(self.env or "")
        if value is None:
            raise self._error("is not set")
        return value

    def _from_outside(self) -> bytes:
        return self._from_command(self.command) if self.command is not None else self._from_file()

    def _from_file(self) -> bytes:
        try:
            with Path(self.file or "").expanduser().open("rb") as file:
                return file.read(MAX_BYTES + 2)
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror}{absent(error)}") from None
        except (RuntimeError, ValueError):
            raise self._error("cannot be read: no such path") from None

    def _from_command(self, command: Sequence[str]) -> bytes:
        if no_commands():
            raise self._error("is not run: --no-commands is given")
        try:
            # its stderr may hold the secret too
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT, check=False
            )
        except subprocess.TimeoutExpired:
            raise self._error(f"gave nothing within {COMMAND_TIMEOUT} s") from None
        except OSError as error:
            raise self._error(f"cannot be run: {error.strerror}") from None
        if done.returncode != 0:
            raise self._error(f"failed with exit status {done.returncode}")
        return done.stdout

    def _error(self, fault: str) -> SecretError:
        return SecretError(f"secret {self.describe()}: {fault}")


def stand_ins(references: Iterable[SecretRef], known: Mapping[str, str] = {}) -> dict[str, str]:
    """A password for each environment variable that is not set: the one of `known`, or a new one."""
    missing = dict.fromkeys(
        ref.env for ref in references if ref.env is not None and not os.environ.get(ref.env)
    )
    return {name: known.get(name) or token_urlsafe(24) for name in missing}


def verifier(secret: Secret, *, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The secret's SCRAM-SHA-256 verifier, as PostgreSQL stores it; with a new salt unless one is given.

    A secret that is a verifier is stored as it is, as PostgreSQL does.

    Raises:
        SecretError: it is an md5 hash.
    """
    if is_verifier(secret):
        return secret.reveal()
    return scram.build(secret.reveal(), salt, iterations)


def matches(secret: Secret, stored: str, role: str) -> bool:
    """Whether the stored hash (SCRAM with its own salt and iterations, or md5) is the secret's, or is the secret.

    Raises:
        SecretError: the secret is an md5 hash.
    """
    if is_verifier(secret):
        return hmac.compare_digest(secret.reveal().encode(), stored.encode())
    return scram.verify(secret.reveal(), stored, role)


def is_verifier(secret: Secret) -> bool:
    """Whether the secret is no password but its SCRAM verifier: a role can have it, and nobody can log in with it.

    Raises:
        SecretError: it is an md5 hash. PostgreSQL would store that as it is, and whoever has it can log in with it.
    """
    if scram.is_md5(secret.reveal()):
        raise SecretError(
            "the secret is an md5 hash, which PostgreSQL would store as it is and which by itself is enough to log in; "
            "give the password itself, or its SCRAM-SHA-256 verifier"
        )
    return scram.is_verifier(secret.reveal())


@lru_cache(maxsize=64)
def slow_hash(text: str, salt: str) -> str:
    """Stands for a text with secrets in something that others can read: each guess at them costs a moment."""
    key = hashlib.scrypt(text.encode(), salt=hashlib.sha256(salt.encode()).digest(), n=2**14, r=8, p=1)
    return key.hex()


def mask(text: str, secrets: Iterable[Secret]) -> str:
    """The text with `********` for each secret, also as SQL, JSON, XML, a URL or a connection string spell it."""
    spellings = {spelling for secret in secrets for spelling in _spellings(secret.reveal())}
    if not spellings:
        return text
    # One pass, longest first: a secret may be a part of another, or of the mask.
    found = "|".join(re.escape(spelling) for spelling in sorted(spellings, key=len, reverse=True))
    return re.sub(found, MASK, text)


def _spellings(value: str) -> set[str]:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    plain = {value, value.replace("'", "''"), escaped, repr(value)[1:-1]}
    return plain | {
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
        html.escape(value, quote=False),
        html.escape(value),
        quote(value),
        quote(value, safe=""),
    }


def _fault_of_value(value: str) -> str | None:
    if not value:
        return "is empty, and PostgreSQL takes an empty password for none"
    if "\0" in value:
        return "holds a NUL character, which PostgreSQL cannot store"
    try:
        encoded = value.encode()
    except UnicodeEncodeError:
        return "is not UTF-8 text"
    return f"is longer than {MAX_BYTES} bytes" if len(encoded) > MAX_BYTES else None


def _decoded(output: bytes) -> str:
    """Text without the one newline that editors and commands put at the end. Bad bytes become surrogates."""
    text = output.decode(errors="surrogateescape")
    return text.removesuffix("\n").removesuffix("\r") if text.endswith("\n") else text


def _fault_of_reference(value: object) -> str | None:
    if not isinstance(value, Mapping):
        return f"a password is a reference, never text: {_FORMS}"
    written = {key: content for key, content in value.items() if content is not None or key not in _KEYS}
    if len(written) != 1 or not set(written) <= set(_KEYS):
        return f"a secret reference has exactly one key: {_FORMS}"
    if _is_name(written.get("env")) or _is_path(written.get("file")) or _is_command(written.get("command")):
        return None
    return _KEYS[next(iter(written))]


def _is_name(value: object) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _is_path(value: object) -> bool:
    return _is_word(value) and value != ""


def _is_command(value: object) -> bool:
    return isinstance(value, list | tuple) and all(map(_is_word, value)) and bool(value) and value[0] != ""


def _is_word(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value
