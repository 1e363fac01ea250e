"""Text of others on one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.core.check import Check, Finding, Resource, Verdict
from pgdeploy.core.remedy import Remedy
from pgdeploy.errors import PgdeployError, SpecError, TargetError
from pgdeploy.text.naming import quoted_name as check_name
from pgdeploy.text.one_line import defect, escape, json_text, one_line
from tests.output.hostile import FORGED, TEXTS, wrongs

ANY = st.one_of(TEXTS, st.text(st.characters(), max_size=60))
"""With lone surrogates, as file names and arguments have them."""


def nothing_acts(text: str) -> None:
    assert "\n" not in text
    assert wrongs(text) == []


@given(text=ANY)
def test_a_text_is_one_line_and_stays_so(text: str) -> None:
    nothing_acts(escape(text))
    assert escape(escape(text)) == escape(text)


@pytest.mark.parametrize("text", ["ok", "Ünï 名前 é", "a::b", "# [x]", "C:\\x", '"', "🐘"])
def test_ordinary_text_is_as_it_was(text: str) -> None:
    assert escape(text) == text


def test_a_long_text_is_cut_and_says_by_how_much() -> None:
    assert one_line("a" * 2005) == "a" * 2000 + "... (5 more characters)"
    assert len(one_line("\n" * 10**7)) < 5000


@given(text=ANY)
def test_errors_are_lines_of_ours(text: str) -> None:
    error = TargetError(text, f"  in: {text}")
    first, second = str(error).split("\n")
    nothing_acts(first)
    nothing_acts(second)
    assert len(str(SpecError([text, text])).split("\n")) == 2


@given(text=ANY)
def test_a_finding_is_of_single_lines_in_full(text: str) -> None:
    check = Check(Resource(), "a", "b", (), lambda _: pytest.fail("not asked"))
    finding = Finding(check, Verdict.DRIFTS, text, text * 60, text, text, Remedy(text), text)
    for shown in (
        finding.desired,
        finding.actual,
        finding.origin,
        finding.note,
        finding.remedy.text,
        finding.reason,
    ):
        nothing_acts(shown)
    assert "more characters" not in finding.actual


@given(text=ANY)
def test_an_id_is_one_line(text: str) -> None:
    nothing_acts(check_name(text))


@given(data=st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=5))
def test_json_says_the_same_and_does_nothing(data: object) -> None:
    text = json_text(data)
    assert json.loads(text) == data
    assert wrongs(text) == []


@pytest.mark.parametrize("text", FORGED.values(), ids=FORGED.keys())
def test_a_defect_of_ours_says_where_and_prints_nothing_as_it_is(text: str) -> None:
    try:
        raise KeyError(text) if text else PgdeployError(text)
    except KeyError as error:
        said = defect(error)
    assert said[0].startswith("a defect of pgdeploy, please report it: KeyError: ")
    assert "test_one_line.py" in said[1]
    for line in said:
        nothing_acts(line)
