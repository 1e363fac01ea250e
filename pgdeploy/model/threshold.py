"""Thresholds: `thresholds:`, what the running server may use, wait for and lag behind.

`METRICS` is the only list: a metric's place in a spec, its check, its unit and its usual limits follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, create_model
from pydantic_core import PydanticCustomError

from pgdeploy.model.host.amount import Span, bytes_of, seconds_of
from pgdeploy.spec.model import Model

if TYPE_CHECKING:
    from collections.abc import Mapping

IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Metric:
    """One quantity. `warn` and `fail` are the limits of the preset, None for none."""

    thing: str
    field: str
    unit: str
    """`%`, `s`, `B`, `B/s`, or `` for a number."""
    warn: str | None
    fail: str | None
    text: str
    at_least: bool = False
    """Whether too little is what is wrong."""

    @property
    def id(self) -> str:
        return f"threshold[{self.thing}].{self.field}"


METRICS = (
    Metric("connections", "used", "%", "75%", "90%", "of max_connections without those reserved for superusers"),
    Metric("locks", "longest_wait", "s", "1s", "5s", "how long a session waits for a lock"),
    Metric("transactions", "longest", "s", "15min", "1h", "how long a transaction is open"),
    Metric("transactions", "idle", "s", "1min", "10min", "how long a transaction does nothing"),
    Metric("transactions", "prepared", "s", "5min", "1h", "how long a prepared transaction waits for its end"),
    Metric("cache", "hit_ratio", "%", "95%", "90%", "of blocks read, since the last reset", at_least=True),
    Metric("replication", "lag", "s", "10s", "1min", "how far a standby is behind"),
    Metric("slots", "held", "B", "1GB", "10GB", "of WAL that a replication slot holds back"),
    Metric("wal", "backlog", "B", "1GB", "10GB", "of WAL beyond max_wal_size and wal_keep_size"),
    Metric("wal", "archive_backlog", "", "10", "100", "files of WAL that wait to be archived"),
    Metric("wal", "archive_failing", "s", "5min", "1h", "how long every attempt to archive has failed"),
    Metric("age", "transactions", "", "400000000", "1000000000", "age of the oldest transaction id of a database"),
    Metric("age", "multixacts", "", "400000000", "1000000000", "age of the oldest multixact id of a database"),
    Metric("temp_files", "written", "B/s", "10MB", "100MB", "written to temporary files, over the window"),
    Metric("checkpoints", "requested", "%", "25%", "50%", "of the checkpoints since the last reset of statistics"),
    Metric("tables", "dead", "%", "20%", "40%", "of the rows of a table, where 10000 or more are dead"),
    Metric("tables", "unvacuumed", "s", "1d", "7d", "since the last vacuum of a table that is due for one"),
    Metric("indexes", "invalid", "", None, "0", "invalid indexes"),
    Metric("indexes", "duplicate", "", "0", None, "indexes that another one makes superfluous"),
    Metric("indexes", "unused", "", "0", None, "indexes of 10MB or more that were never used"),
    Metric("sequences", "used", "%", "60%", "80%", "of the values of a sequence"),
    Metric("keys", "used", "%", "60%", "80%", "of the values of an integer column that a sequence fills"),
    Metric("cpu", "used", "%", "70%", "80%", "of the host's processors, over the window"),
    Metric("memory", "used", "%", "70%", "80%", "of the host's memory"),
    Metric("disk", "used", "%", "60%", "70%", "of a file system that holds data, WAL or backups"),
    Metric("inodes", "used", "%", "60%", "70%", "of the inodes of such a file system"),
)  # fmt: skip

HOST = ("cpu", "memory", "disk", "inodes")
"""What the host says; the rest the server itself."""
WINDOW = ("cpu", "temp_files")
"""What takes two readings."""


def number_of(text: str, unit: str) -> float:
    """A limit as a number of its unit.

    Raises:
        PydanticCustomError: it is none.
    """
    if unit == "s":
        return seconds_of(text)
    if unit in ("B", "B/s"):
        return float(bytes_of(text.removesuffix("/s")))
    digits = text.removesuffix("%") if unit == "%" else text
    if not digits.replace(".", "", 1).isdecimal() or (unit == "%" and not 0 <= float(digits) <= 100):
        allowed = "a percentage from 0% to 100%" if unit == "%" else "a number"
        raise PydanticCustomError("amount", "allowed: {allowed}", {"allowed": allowed})
    return float(digits)


@cache
def _limit(unit: str, *words: str) -> Any:
    """One limit, as text or as a bare number; or one of these words."""
    example = {"%": "80%", "s": "5s", "B": "1GB", "B/s": "10MB/s", "": "100"}[unit]

    def as_text(value: object) -> object:
        return str(value) if type(value) in (int, float) else value

    def checked(text: str) -> str:
        if text not in words:
            number_of(text, unit)
        return text

    before = BeforeValidator(as_text, json_schema_input_type=str | int | float)
    return Annotated[str, before, AfterValidator(checked), Field(examples=[example])]


@cache
def _limits(unit: str) -> type[Model]:
    """Two limits of a unit."""
    one = _limit(unit) | None
    name = {"%": "Percent", "s": "Time", "B": "Size", "B/s": "Rate", "": "Number"}[unit]
    return create_model(
        f"{name}Limits",
        __base__=Model,
        __doc__="Two limits of one quantity.",
        warn=(one, Field(None, description="beyond it the check passes with a warning")),
        fail=(one, Field(None, description="beyond it the check fails")),
    )


def _described(metric: Metric) -> str:
    limits = {"warns": metric.warn, "fails": metric.fail}
    usual = " and ".join(f"{word} at {value}" for word, value in limits.items() if value is not None)
    return f"{metric.text}; the preset {usual}"


def _of_thing(thing: str) -> type[Model]:
    fields: dict[str, Any] = {
        metric.field: (
            _limit(metric.unit, IGNORE) | _limits(metric.unit) | None,
            Field(None, description=_described(metric)),
        )
        for metric in METRICS
        if metric.thing == thing
    }
    name = "".join(word.title() for word in thing.split("_"))
    return create_model(f"{name}Thresholds", __base__=Model, __doc__=f"Limits of {thing}.", **fields)


class _Head(Model):
    """What the running server may use, wait for and lag behind."""

    preset: Literal["standard"] | None = Field(
        None, description="`standard`: the usual limits of everything that is not written here"
    )
    window: Span = Field("2s", description="between the two readings of what is a rate")

    @property
    def limits(self) -> Mapping[Metric, Limits]:
        """The limits that hold, in the order of `METRICS`."""
        found = {metric: self._limits_of(metric) for metric in METRICS}
        return {metric: limits for metric, limits in found.items() if limits is not None}

    def _limits_of(self, metric: Metric) -> Limits | None:
        thing = getattr(self, metric.thing)
        written = getattr(thing, metric.field) if thing is not None else None
        usual = Limits(metric.warn, metric.fail) if self.preset else None
        if written is None or written == IGNORE:
            return usual if written is None else None
        if isinstance(written, str):
            return Limits(None, written)
        return Limits(written.warn, written.fail)


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one quantity, as they are written; None for none."""

    warn: str | None
    fail: str | None


_FIELDS: dict[str, Any] = {
    thing: (_of_thing(thing) | None, Field(None, description=f"limits of {thing}"))
    for thing in dict.fromkeys(metric.thing for metric in METRICS)
}
ThresholdsSpec = create_model("ThresholdsSpec", __base__=_Head, __doc__=_Head.__doc__, **_FIELDS)
