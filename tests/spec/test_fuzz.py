"""Whatever the file, loading gives a spec or a SpecError whose every line has a place."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from pgdeploy.errors import SpecError
from pgdeploy.spec.loader import load
from pgdeploy.spec.render import render
from tests.properties.law import law
from tests.spec.example import Example, undeclared
from tests.spec.strategy import EXAMPLES

LINE = re.compile(r"^.+:\d+:\d+: .+$")

VALID = """\
# comment
roles: &all
  app: &app
    login: true
    valid_until: 2027-01-01
    password: {env: APP}
    member_of: [pg_monitor, 'x']
    settings: {work_mem: 64MB, "a": |
      text
     }
  other: {<<: *app, login: false}
grants:
- {privilege: select, on: {table: a}, to: app}
- privilege: insert
  on: everything
  to: nobody
window: {low: 1, high: 2}
notes:
- "\\x41"
- >-
  folded
  text
"""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
# Data with the right keys and any values, to get past the first line of defence.
FIELDS = st.sampled_from(
    ["roles", "grants", "window", "notes", "extends", "app", "login", "password", "settings", "member_of", "on",
     "to", "privilege", "table", "sequence", "columns", "low", "high", "env", "valid_until", "Role", "str", "[key]"]
)  # fmt: skip
SHAPED = st.recursive(
    st.sampled_from([None, True, 1, -5, 0.5, "select", "everything", "app", "2027-01-01", "", "x" * 70]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=15,
)


def check(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "spec.yaml"
        file.write_bytes(raw)
        problems = told(file)
    for line in problems:
        assert LINE.match(line), line
        assert line.isprintable()


def told(file: Path) -> tuple[str, ...]:
    """The problems of a file, none if it loads."""
    try:
        load(file, Example, undeclared)
    except SpecError as error:
        return error.problems or ("nothing was said",)
    return ()


@given(st.binary(max_size=200))
@example(b"\x00")
@example(b"\xef\xbb\xbf")
@example(b"\xfe\xff\x00a")
def test_any_bytes(raw: bytes) -> None:
    check(raw)


@given(st.text(max_size=100))
def test_any_text(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@given(st.data())
def test_a_valid_file_with_a_few_characters_changed(draw: st.DataObject) -> None:
    text = VALID
    for _ in range(draw.draw(st.integers(0, 4))):
        at = draw.draw(st.integers(0, len(text)))
        length = draw.draw(st.integers(0, 5))
        piece = draw.draw(
            st.sampled_from([*"\n\t:-&*!|>'\"{}[],#?%@ \\0aé\r\0", "", "<<: ", "\n  ", VALID[at : at + 20]])
        )
        text = text[:at] + piece + text[at + length :]
    check(text.encode())


@given(JSON)
def test_any_data(document: object) -> None:
    check(json.dumps(document).encode())


@given(st.dictionaries(FIELDS, SHAPED, max_size=5))
def test_data_with_the_right_keys(document: object) -> None:
    check(json.dumps(document).encode())


@law(40)
@given(
    st.integers(1, 3000), st.sampled_from(["[", "{a: ", "- ", "? ", "a:\n", "&a [", "!a ", "'", "{", "a: {"])
)
def test_any_depth(depth: int, piece: str) -> None:
    check(("roles: " + piece * depth).encode())
    check((piece * depth).encode())


@given(EXAMPLES, st.data())
def test_rendered_specs_cut_short(value: Example, draw: st.DataObject) -> None:
    text = render(value)
    check(text[: draw.draw(st.integers(0, len(text)))].encode())
