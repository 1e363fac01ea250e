"""Times of crontab(5) for systemd, judged by systemd itself."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.model.backup import WORDS
from pgdeploy.text.calendar import on_calendar
from pgdeploy.text.problem import ValueProblem


@pytest.mark.parametrize(
    ("cron", "systemd"),
    [
        ("0 * * * *", "*-*-* *:00:00"),
        ("15 2 * * *", "*-*-* 02:15:00"),
        ("30 3 * * 0", "Sun *-*-* 03:30:00"),
        ("30 3 * * 7", "Sun *-*-* 03:30:00"),
        ("*/5 1-5 1,15 jan-MAR *", "*-01..03-01,15 01..05:0/5:00"),
        ("0 4 * * 1-5", "Mon,Tue,Wed,Thu,Fri *-*-* 04:00:00"),
        ("0-30/10 4 * * mon,fri", "Mon,Fri *-*-* 04:00..30/10:00"),
    ],
)
def test_means_the_same(cron: str, systemd: str) -> None:
    assert on_calendar(cron) == systemd


@pytest.mark.parametrize(
    ("cron", "why"),
    [
        ("60 * * * *", "60 is no minute"),
        ("* 24 * * *", "24 is no hour"),
        ("* * 0 * *", "0 is no day of the month"),
        ("* * * 13 *", "13 is no month"),
        ("* * * * 8", "8 is no day of the week"),
        ("* * 1 * 1", "cron means any of both"),
        ("5-1 * * * *", "the range ends before it begins"),
        ("5/2 * * * *", "a step goes with"),
        ("* * * *", "five fields"),
        ("* * * * x", "x is no day of the week"),
    ],
)
def test_what_cannot_be_said_is_refused(cron: str, why: str) -> None:
    with pytest.raises(ValueProblem, match=why):
        on_calendar(cron)


def _field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    pair = st.tuples(number, number).map(sorted).map(lambda two: f"{two[0]}-{two[1]}")
    return st.one_of(st.just("*"), number.map(str), pair, st.integers(1, 9).map(lambda step: f"*/{step}"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_takes_whatever_comes_out() -> None:
    spelled = set(map(on_calendar, WORDS.values()))

    @given(_field(0, 59), _field(0, 23), _field(1, 31), _field(1, 12))
    def collect(minute: str, hour: str, day: str, month: str) -> None:
        spelled.add(on_calendar(f"{minute} {hour} {day} {month} *"))

    collect()
    command = ["systemd-analyze", "calendar", *sorted(spelled)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
