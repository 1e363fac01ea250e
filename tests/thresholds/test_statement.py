"""Constants of other people's statements are not shown, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.layers.threshold.statement import statement_shown
from tests.properties.law import law

BEFORE = [
    "",
    "-- don't\n",
    "/* it's */ ",
    "/* a /* it's */ ' */ ",
    "SELECT 'a', ",
    "SELECT E'it\\'s', ",
    "SELECT '\\', ",
    "SELECT $t$it's$t$, $1, ",
    'SELECT "o\'clock", ',
    "SELECT a.b$c, 1e5, ",
    "SELECT U&'d!0061' UESCAPE '!', ",
]
QUOTED = ["'{}'", "E'{}'", "e'a\\'{}'", "$${}$$", "$t${}$t$", "N'{}'", "U&'{}'", "'it''s {}'", "E'\\\\{}'"]


@law(400)
@given(
    before=st.lists(st.sampled_from(BEFORE), max_size=3),
    quoted=st.sampled_from(QUOTED),
    secret=st.text("abcXYZ019-*/", min_size=6),
    cut=st.booleans(),
)
def test_no_constant_is_shown(before: list[str], quoted: str, secret: str, cut: bool) -> None:
    text = "".join(before) + quoted.format(secret)
    text = text[: text.rindex(secret) + len(secret)] if cut else text
    assert secret not in statement_shown(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (
            "UPDATE a1 SET b = 'it''s', c = 4711\n  WHERE d IN (1.5, $1)",
            "UPDATE a1 SET b = ?, c = ? WHERE d IN (?, $1)",
        ),
        (
            "ALTER ROLE app PASSWORD 'x' -- why\n VALID UNTIL '2030-01-01'",
            "ALTER ROLE app PASSWORD ? VALID UNTIL ?",
        ),
        ("SELECT \"it's\", 'x' FROM t", 'SELECT "it\'s", ? FROM t'),
        ("SELECT 0x1F, 1_000, .5", "SELECT ?, ?, .?"),
        ("SELECT 'cut off", "SELECT ?"),
    ],
)
def test_what_a_statement_does_is_shown(text: str, shown: str) -> None:
    assert statement_shown(text) == shown


def test_a_long_one_ends_early() -> None:
    assert statement_shown("SELECT " + "a, " * 200).endswith("...")
