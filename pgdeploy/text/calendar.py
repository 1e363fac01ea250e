"""Times as systemd has them (systemd.time(7), OnCalendar=), from the five fields of crontab(5)."""

from __future__ import annotations

import re

from pgdeploy.text.problem import ValueProblem

_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PART = re.compile(r"(\*|[0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?(?:/([0-9]+))?")
_FIELDS = ("minute", "hour", "day of the month", "month")
_LEAST_MOST = ((0, 59), (0, 23), (1, 31), (1, 12))


def on_calendar(times: str) -> str:
    """The same times for systemd.

    Raises:
        ValueProblem: cron would refuse them, or systemd has no word for them.
    """
    *dates, weekdays = times.split(" ")
    if len(dates) != 4:
        raise ValueProblem("allowed: the five fields of crontab(5), as in '15 2 * * *'")
    minute, hour, day, month = map(_field, _FIELDS, dates, _LEAST_MOST)
    if weekdays == "*":
        return f"*-{month}-{day} {hour}:{minute}:00"
    if day != "*":
        raise ValueProblem(
            "either a day of the month or a day of the week: cron means any of both, systemd all"
        )
    return f"{_weekdays(weekdays)} *-{month}-* {hour}:{minute}:00"


def _field(name: str, text: str, limits: tuple[int, int]) -> str:
    return ",".join(_part(name, part, limits) for part in text.split(","))


def _part(name: str, text: str, limits: tuple[int, int]) -> str:
    found = _PART.fullmatch(text)
    if found is None:
        raise ValueProblem(f"{text} is no {name} of crontab(5)")
    first, last, step = found.groups()
    if first == "*":
        return f"{limits[0]}/{step}" if step else "*"
    start = _number(name, first, limits)
    if last is None:
        if step is not None:
            raise ValueProblem(f"{text} is no {name} of crontab(5): a step goes with * or a range")
        return f"{start:02}"
    end = _number(name, last, limits)
    if end < start:
        raise ValueProblem(f"{text} is no {name} of crontab(5): the range ends before it begins")
    return f"{start:02}..{end:02}{f'/{step}' if step else ''}"


def _number(name: str, text: str, limits: tuple[int, int]) -> int:
    if name == "month" and text.lower() in _MONTHS:
        return _MONTHS.index(text.lower()) + 1
    if not text.isdecimal() or not limits[0] <= int(text) <= limits[1]:
        raise ValueProblem(f"{text} is no {name}: allowed: {limits[0]} to {limits[1]}")
    return int(text)


def _weekdays(text: str) -> str:
    return ",".join(_of_week(part) for part in text.split(","))


def _of_week(text: str) -> str:
    found = _PART.fullmatch(text)
    if found is None or found[1] == "*" or found[3] is not None:
        raise ValueProblem(f"{text} is no day of the week that systemd has a word for, such as 1-5 or sun")
    start, end = _weekday(found[1]), _weekday(found[2] or found[1])
    names = [_DAYS[number % 7].capitalize() for number in range(start, end + 1)]
    if not names:
        raise ValueProblem(f"{text} is no range of days of the week: it ends before it begins")
    return ",".join(names)


def _weekday(text: str) -> int:
    if text.isdecimal() and int(text) <= 7:
        return int(text)
    if text.lower() in _DAYS:
        return _DAYS.index(text.lower())
    raise ValueProblem(f"{text} is no day of the week: allowed: 0 to 7, or sun to sat")
