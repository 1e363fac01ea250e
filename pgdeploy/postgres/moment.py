"""Moments as PostgreSQL has them: from 4714 BC to the year 294276, and the two ends beyond. datetime has 1 to 9999."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from pgdeploy.text.problem import ValueProblem

_SECOND = 10**6
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - all is UTC here
_START = datetime(2000, 1, 1)  # noqa: DTZ001
_CYCLE = 146097 * 86400 * _SECOND
"""400 years: after them the calendar is the same again."""
_FIRST, _LAST = -210866803200 * _SECOND, 9224318016000 * _SECOND - 1
"""What PostgreSQL can store."""
_YEAR = re.compile(r"([0-9]{4,6})(-[0-9]{2}-[0-9]{2}\b.*?)(?:\s+(AD|BC))?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """Microseconds since 1970; the two infinities are those of numbers."""

    micros: float
    """An int, or an infinity: what is stored is exact."""

    def __str__(self) -> str:
        """As PostgreSQL reads it, in UTC."""
        if math.isinf(self.micros):
            return "infinity" if self.micros > 0 else "-infinity"
        cycles, rest = divmod(int(self.micros) - _micros(_START), _CYCLE)
        moment = _START + timedelta(microseconds=rest)
        year = moment.year + 400 * cycles
        era = "" if year > 0 else " BC"
        return f"{year if year > 0 else 1 - year:04}{moment.isoformat(sep=' ')[4:]}+00:00{era}"

    @classmethod
    def of_epoch(cls, seconds: str) -> Moment:
        """What the server's extract(epoch) says."""
        exact = Decimal(seconds)
        return cls(int(exact * _SECOND) if exact.is_finite() else float(exact))

    @classmethod
    def now(cls) -> Moment:
        return cls.of(datetime.now(UTC))

    @property
    def is_past(self) -> bool:
        return self <= Moment.now()

    @classmethod
    def of(cls, moment: datetime) -> Moment:
        """Without a zone it is meant in UTC."""
        return cls(_micros(moment.replace(tzinfo=None)) - _microseconds(moment.utcoffset() or timedelta()))


NEVER_ENDS = Moment(math.inf)


def timestamp(value: str | datetime | date) -> Moment:
    """A moment for VALID UNTIL; without a zone it is meant in UTC, a bare day is its midnight.

    Raises:
        ValueProblem: it is no moment, or none that PostgreSQL can store.
    """
    if isinstance(value, datetime):
        return Moment.of(value)
    if isinstance(value, date):
        return Moment.of(datetime.combine(value, time()))
    text = value.strip()
    if end := re.fullmatch(r"([+-]?)infinity", text, re.IGNORECASE):
        return Moment(-math.inf if end[1] == "-" else math.inf)
    try:
        moment = _parse(text)
    except ValueError:
        raise ValueProblem(
            f"read {value!r}, which is no moment; allowed: 2027-01-31, 2027-01-31 12:00:00+00 or infinity"
        ) from None
    if not _FIRST <= moment.micros <= _LAST:
        raise ValueProblem(f"read {value!r}; allowed: from 4714-11-24 BC to the year 294276, or infinity")
    return moment


def _parse(text: str) -> Moment:
    found = _YEAR.fullmatch(text)
    if found is None:
        return Moment.of(datetime.fromisoformat(_iso(text)))
    written, rest, era = int(found[1]), found[2], (found[3] or "AD").upper()
    if written == 0:
        raise ValueError("there is no year 0")
    year = written if era == "AD" else 1 - written
    # moved by whole cycles to where datetime can count
    cycles, within = divmod(year - _START.year, 400)
    moment = Moment.of(datetime.fromisoformat(_iso(f"{_START.year + within}{rest}")))
    return Moment(moment.micros + cycles * _CYCLE)


def _micros(moment: datetime) -> int:
    return _microseconds(moment - _EPOCH)


def _microseconds(span: timedelta) -> int:
    return (span.days * 86400 + span.seconds) * _SECOND + span.microseconds


def _iso(text: str) -> str:
    """`12:00:00 UTC` and `12:00:00 +02` are as good as `12:00:00+00:00` to PostgreSQL."""
    return re.sub(r"\s*(?:UTC|GMT|Z)$", "+00:00", re.sub(r"\s+([+-]\d)", r"\1", text), flags=re.IGNORECASE)
