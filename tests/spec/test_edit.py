"""What did not change in a file keeps its lines."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.errors import SpecError
from pgdeploy.spec.compose import compose
from pgdeploy.spec.edit import edited
from pgdeploy.spec.node import data
from pgdeploy.spec.writing import write
from tests.properties.law import law

TEXT = """\
# of the whole file
postgres: 16   # the version

roles:
  # people
  alice: {login: true}  # our admin
  bob:
    login: true   # yes
    member_of: [x, y]

  carl: &c
    login: false
    connection_limit: 3
  dan: *c

grants:
  # first
  - {grant: [SELECT], to: [a]}
  - grant: [INSERT]   # all
    to: [b]
note: |
  some

  text

last: 1
"""


def after(change: Any, text: str = TEXT) -> tuple[list[str], list[str]]:
    """The lines that went and those that came."""
    content: Any = data(compose(text, "").root)
    change(content)
    made = edited(text, content)
    assert data(compose(made, "").root) == content
    before, now = text.splitlines(), made.splitlines()
    return [line for line in before if line not in now], [line for line in now if line not in before]


def test_a_value_on_a_line_keeps_its_comment() -> None:
    assert after(lambda spec: spec["roles"]["alice"].update(connection_limit=4)) == (
        ["  alice: {login: true}  # our admin"],
        ["  alice: {login: true, connection_limit: 4}  # our admin"],
    )


def test_an_entry_of_a_block_is_changed_alone() -> None:
    assert after(lambda spec: spec["roles"]["bob"].pop("member_of")) == (["    member_of: [x, y]"], [])
    assert after(lambda spec: spec["roles"]["bob"].update(superuser=True)) == ([], ["    superuser: true"])
    assert after(lambda spec: spec["roles"].update(eve={})) == ([], ["  eve: {}"])
    assert after(lambda spec: spec.update(note="short")) == (["note: |", "  some", "  text"], ["note: short"])


def test_a_line_of_a_list_is_changed_alone() -> None:
    new = {"grant": ["DELETE"], "to": ["z"]}
    line = "  - {grant: [DELETE], to: [z]}"
    assert after(lambda spec: spec["grants"].insert(1, new)) == ([], [line])
    assert after(lambda spec: spec["grants"].insert(0, new)) == ([], [line])
    assert after(lambda spec: spec["grants"].append(new)) == ([], [line])
    assert after(lambda spec: spec["grants"].pop()) == (["  - grant: [INSERT]   # all", "    to: [b]"], [])


def test_an_alias_stays_where_it_can() -> None:
    def anchor(spec: Any) -> None:
        spec["roles"]["carl"] = {"login": False, "connection_limit": 5}

    assert after(anchor) == (
        ["    connection_limit: 3", "  dan: *c"],
        ["    connection_limit: 5", "  dan: {login: false, connection_limit: 3}"],
    )
    assert after(lambda spec: spec["roles"].update(dan={"login": True})) == (
        ["  dan: *c"],
        ["  dan: {login: true}"],
    )
    assert after(lambda spec: spec.update(postgres=17))[0] == ["postgres: 16   # the version"]


def test_sections_come_and_go() -> None:
    def change(spec: Any) -> None:
        del spec["roles"]
        spec["databases"] = {"shop": {"owner": "a"}}

    gone, come = after(change)
    assert "roles:" in gone
    assert come == ["databases:", "  shop: {owner: a}"]
    assert edited("", {"postgres": 16}) == "postgres: 16\n"
    assert after(lambda spec: spec.update(a=2), "{a: 1}\n") == (["{a: 1}"], ["a: 2"])


def test_entries_that_are_merged_in_stay() -> None:
    text = "base: &b\n  login: true\nroles:\n  app:\n    <<: *b\n    superuser: false\n"
    assert after(lambda spec: spec["roles"]["app"].update(superuser=True), text) == (
        ["    superuser: false"],
        ["    superuser: true"],
    )
    assert after(lambda spec: spec["roles"]["app"].update(login=False), text) == ([], ["    login: false"])
    with pytest.raises(SpecError, match="edit it by hand"):
        after(lambda spec: spec["roles"]["app"].pop("login"), text)


def test_line_ends_of_windows_stay() -> None:
    text = "a: 1\r\nb: 2\r\n"
    assert edited(text, {"a": 1, "b": 3}) == "a: 1\r\nb: 3\r\n"


names = st.text(
    st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufeff"), min_size=1, max_size=6
)
scalars = st.one_of(st.booleans(), st.integers(-9, 9), names, st.none())
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)
documents = st.dictionaries(names, values, min_size=1, max_size=5)


@law(60)
@given(old=documents, new=documents, shared=documents)
def test_any_document_becomes_any_other(old: Any, new: Any, shared: Any) -> None:
    before, now = {**shared, **old}, {**shared, **new}
    text = "".join(f"{line}\n# {at}\n" for at, line in enumerate(write(before).splitlines()))
    if data(compose(text, "").root) != before:
        text = write(before)  # a comment of ours stands within a text
    made = edited(text, now)
    assert data(compose(made, "").root) == now
    assert edited(made, now) == made
