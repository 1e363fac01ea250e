"""Everything pgdeploy raises on purpose.

    PgdeployError
    ├── SpecError          the spec cannot be loaded; carries every problem with its place
    ├── SecretError        a secret reference gives no secret
    ├── MissingExtra       an optional dependency is not installed; names the extra
    ├── TargetError        the target cannot be reached, started or used
    │   └── TooOld         as its PostgreSQL is older than what is supported
    ├── Unreadable         a fact could not be read (which is not the same as absent)
    │   ├── Shut           as a database lets nobody in, or not us
    │   └── Unasked        as this run reads other layers only
    ├── UnknownRule        `lint --explain` of a rule that there is not
    ├── PlanError          a plan is refused: facts moved, or it rests on what could not be read
    └── ApplyError         an apply stopped; says what is done and what is not

Each message is one that a user can act on: what was read, what is allowed, what to do. The CLI and the
plugin print it without a traceback.
"""

from __future__ import annotations

from collections.abc import Sequence

from pgdeploy.text.one_line import one_line


class PgdeployError(Exception):
    """The root of the tree; `except PgdeployError` catches all that pgdeploy raises on purpose.

    The message is one line, and so is each detail: line breaks in them are others', and are escaped.
    """

    def __init__(self, message: str, *details: str) -> None:
        super().__init__(message, *details)
        self.lines = tuple(map(one_line, (message, *details)))

    def __str__(self) -> str:
        return "\n".join(self.lines)


class SpecError(PgdeployError):
    """A spec file cannot be loaded. `problems` holds one line each: `file:line:column: message`.

    Of very many only the first are lines of their own, and the last line says how many more there are; `count` is
    all of them.
    """

    def __init__(self, problems: Sequence[str], count: int | None = None) -> None:
        super().__init__(*(problems or ("",)))
        self.problems = self.lines if problems else ()
        self.count = len(self.problems) if count is None else count


class SecretError(PgdeployError):
    """A secret reference (env, file, command) gives no secret. The message never holds the secret."""


class MissingExtra(PgdeployError):
    """An optional dependency is not installed."""

    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an optional part: pip install 'pgdeploy[{extra}]'")
        self.extra = extra


class TargetError(PgdeployError):
    """The target cannot be reached, started or used."""


class TooOld(TargetError):
    """PostgreSQL answers, and is older than what is supported."""


class Unreadable(PgdeployError):
    """A fact could not be read; the message says why (a missing right, a broken connection)."""


class Shut(Unreadable):
    """A database lets nobody in, or not us. `by` is the id of the one check that says so: all others wait for it."""

    def __init__(self, by: str, why: str) -> None:
        super().__init__(why)
        self.by = by


class UnknownRule(PgdeployError):
    """No rule of lint has this id; the message names the nearest."""


class PlanError(PgdeployError):
    """A plan is refused: the facts moved since it was approved, or it rests on unreadable facts."""


class ApplyError(PgdeployError):
    """An apply stopped at its first error. Running it again converges."""


class Unasked(Unreadable):
    """A layer that this run does not read, as nothing that it does needs it."""


class Inapplicable(Exception):
    """Raised by a comparison: this server cannot have what the spec says; the message says why."""
