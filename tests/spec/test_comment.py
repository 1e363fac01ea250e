"""Comments are found wherever YAML allows them, and nothing else is taken for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.lifecycle.annotation import by_path, noted, paths
from pgdeploy.spec.comment import Comments, comments
from pgdeploy.spec.place import Keys
from pgdeploy.spec.writing import write
from tests.properties.law import law

TEXT = """\
# of the file
# in two lines
postgres: 16  # a version
roles:  # who
  # above a role
  app: {login: true,   # within braces
        createdb: true}  # behind them
  'a#b': {}  #of a quoted key
  "c # d": "# no comment"  # one
text: a#b # behind
block: |  # of the block
  # no comment
  text
list:
  # above an item
  - {a: 1}  # of the item
  - b
    # within

  - c: 1  # of what stands in the item
    d: 2
same: &anchor {x: 1}  # of the anchor
again: *anchor  # of the alias
# the end
"""


def test_each_belongs_to_its_entry() -> None:
    found = comments(TEXT)
    expected: dict[Keys, Comments] = {
        ("postgres",): Comments(("of the file", "in two lines"), "a version"),
        ("roles",): Comments((), "who"),
        ("roles", "app"): Comments(("above a role",), "within braces"),
        ("roles", "app", "createdb"): Comments((), "behind them"),
        ("roles", "a#b"): Comments((), "of a quoted key"),
        ("roles", "c # d"): Comments((), "one"),
        ("text",): Comments((), "behind"),
        ("list", 0): Comments(("above an item",), "of the item"),
        ("list", 2): Comments(("within",), "of what stands in the item"),
        ("same",): Comments((), "of the anchor"),
        ("again",): Comments((), "of the alias"),
    }
    assert found == expected


@pytest.mark.parametrize(
    "text", ["", "# nothing else\n", "a: 1", "a: 1 # x", "- # x\n- a\n", "a: 1\r\n# b\r\nc: 2\r\n"]
)
def test_short_files(text: str) -> None:
    said = {one for found in comments(text).values() for one in (*found.above, found.behind) if one}
    assert said <= {"x", "b"}


def test_lines_end_as_on_any_system() -> None:
    assert comments("a: 1\r\n# b\r\nc: 2 # d\r\n") == {("c",): Comments(("b",), "d")}


KEYS = st.text("ab #'\"-:", min_size=1, max_size=4)
SCALARS = st.text("ab #:\n'\"", max_size=5) | st.integers() | st.booleans()
TREES = st.dictionaries(
    KEYS,
    st.recursive(
        SCALARS,
        lambda inner: st.dictionaries(KEYS, inner, max_size=3) | st.lists(inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
    max_size=4,
)


def firsts(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What begins an item of a list: what stands above it is taken to be above the item."""
    for name, value in tree.items() if isinstance(tree, dict) else ((json.dumps(one), one) for one in tree):
        where = (*path, name)
        if isinstance(value, (dict, list)):
            yield from firsts(value, where)
            if isinstance(tree, list):
                yield from (one for one in paths(value, where) if _begins(one[len(where) :], value))


def _begins(path: tuple[str, ...], value: Any) -> bool:
    for name in path:
        children = list(value) if isinstance(value, dict) else [json.dumps(one) for one in value]
        if not children or children[0] != name:
            return False
        value = value[name] if isinstance(value, dict) else value[0]
    return True


@law(300)
@given(tree=TREES, data=st.data())
def test_what_was_written_is_found(tree: dict[str, Any], data: st.DataObject) -> None:
    wanted = data.draw(st.sets(st.sampled_from(sorted(set(paths(tree, ())) - set(firsts(tree, ()))))))
    notes = {path: Comments((f"above {n}",), f"behind {n}") for n, path in enumerate(sorted(wanted))}
    text = write(noted(tree, notes))
    found = by_path(comments(text), tree, tree)
    assert found == notes, text
