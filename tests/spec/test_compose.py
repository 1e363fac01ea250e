from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pgdeploy.spec import event
from pgdeploy.spec.compose import compose
from pgdeploy.spec.node import Node, data, key_place, value_place
from pgdeploy.spec.source import FaultError

needs_c = pytest.mark.skipif(event._C_PARSER is None, reason="ruamel.yaml.clib is not installed")


def read(text: str) -> Node:
    document = compose(text, "f")
    assert not document.faults
    return document.root


def stop(text: str) -> str:
    with pytest.raises(FaultError) as caught:
        compose(text, "f")
    return str(caught.value)


def faults(text: str) -> list[str]:
    return [str(fault) for fault in compose(text, "f").faults]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "null", "{}", "---\n...\n"])
def test_nothing_is_an_empty_mapping(text: str) -> None:
    assert data(read(text)) == {}


def test_places_of_keys_and_values() -> None:
    root = read("a:\n  b: 1\n  c:\n  - x\n  - {d: 2}\n")
    assert str(key_place(root, ("a", "b"))) == "f:2:3"
    assert str(value_place(root, ("a", "b"))) == "f:2:6"
    assert str(value_place(root, ("a", "c"))) == "f:3:3"
    assert str(key_place(root, ("a", "c", 1, "d"))) == "f:5:6"
    assert str(key_place(root, ("a", "c", 9, "d"))) == "f:3:3"
    assert str(value_place(root, ("a", "nothing"))) == "f:1:1"
    assert str(key_place(root, ())) == "f:1:1"


def test_quoted_is_text_and_plain_is_resolved() -> None:
    assert data(read("a: '1'\nb: 1\nc: |\n  1\nd: \"null\"\n")) == {"a": "1", "b": 1, "c": "1\n", "d": "null"}


def test_aliases_and_merge_keys() -> None:
    root = read("base: &b {x: 1, y: 1}\nlist: &l [1]\none:\n  <<: *b\n  y: 2\ntwo: *l\n'<<': text\n")
    assert data(root) == {
        "base": {"x": 1, "y": 1}, "list": [1], "one": {"x": 1, "y": 2}, "two": [1], "<<": "text",
    }  # fmt: skip
    assert str(key_place(root, ("one", "x"))) == "f:1:11"


def test_the_first_of_several_merged_wins() -> None:
    root = read("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}")
    assert data(root)["c"] == {"x": 1, "y": 2}  # type: ignore[call-overload, index]


def test_an_alias_may_be_a_key() -> None:
    assert data(read("a: &n name\n*n : 1\n")) == {"a": "name", "name": 1}


def test_duplicate_keys_name_both_places() -> None:
    assert faults("a: 1\nb: {x: 1,\n  x: 2}\na: 3\n") == [
        "f:3:3: key x is already at line 2, column 5",
        "f:4:1: key a is already at line 1, column 1",
    ]


@pytest.mark.parametrize("key", ["1", "1.5", "true", "null", "~"])
def test_a_key_that_is_no_text_wants_quotes(key: str) -> None:
    (fault,) = faults(f"a: 1\n{key}: 2\n")
    assert fault.startswith("f:2:1: key ")
    assert fault.endswith("is not text; quote it")


def test_other_odd_keys_and_values() -> None:
    assert faults("? [a]\n: 1\n") == ["f:1:3: a list or mapping cannot be a key; keys are text"]
    assert faults("<<: 1") == ["f:1:1: << takes a mapping or a list of mappings"]
    assert "NUL" in faults('a: "\\0"')[0]
    assert "surrogate" in faults('a: "\\ud800"')[0]
    assert "too long" in faults("a: " + "9" * 5000)[0]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\n---\nb: 1\n", "f:2:1: a second document"),
        ("%YAML 1.1\n---\na: 1\n", "directives"),
        ("%TAG ! x:\n---\na: 1\n", "directives"),
        ("a: !!binary x", "f:1:4: tags"),
        ("a: !x {b: 1}", "f:1:4: tags"),
        ("a: !unknown!hunter2 b", "tag"),
        ("a: *hunter2", "f:1:4: alias (*name) without an anchor"),
        ("a: &x [*x]", "f:1:8: alias (*name) inside its own anchor"),
        ("\ta: 1", "f:1:1: this is not YAML: a tab"),
        ("a:\n\tb: 1", "f:2:1: this is not YAML: a tab"),
        ("a: @x", "f:1:4: this is not YAML: a text may not start with @"),
        ("a: b: c", "f:1:5: this is not YAML: a text with ': '"),
        ("a: [1", "this is not YAML: the [ of line 1 is not closed: a ] or a comma is missing"),
        ("a:\n  b: {c: 1\n  d: 2", "f:3:4: this is not YAML: the { of line 2 is not closed: a } or a comma"),
        ("a: {b: c d: e}", "f:1:11: this is not YAML: the { of line 1"),
        ("a: - b", "f:1:4: this is not YAML: a list does not begin beside its key"),
        ("a: b\nc\nd: e", "f:3:1: this is not YAML: a key needs `: ` behind it"),
        ("a: ]", "f:1:4: this is not YAML: nothing is open here"),
        ('a: "\\q"', "this is not YAML: in double quotes a \\ begins an escape: write \\\\ for it"),
        ("a: &", "f:1:5: this is not YAML: a text may not start with &"),
        ("a: *", "f:1:5: this is not YAML: a text may not start with *"),
        ("a: !<x", "this is not YAML: a tag (!...)"),
        ("a: |x\n b", "this is not YAML: behind | or > stands nothing more"),
        ("b: 1\na: 'x\n\n", "f:2:4: this is not YAML: this quote is never closed"),
        ("a: 1\n  - b\n- c\n", "f:3:1: this is not YAML: this line does not go on"),
        ('a: "\\UFFFFFFFF"', "this is not YAML"),
        ("- 1", "f:1:1: a spec is a mapping"),
        ("hello", "f:1:1: a spec is a mapping"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    assert said in stop(text)
    assert "hunter2" not in stop(text)


@pytest.mark.parametrize("text", ["a: " + "[" * 100_000, "a:\n" + "".join(" " * i + "-\n" for i in range(1, 3000)),
                                  "{a: " * 50_000, "a: " + "- " * 50_000, "? " * 50_000])  # fmt: skip
def test_deep_nesting_is_refused(text: str) -> None:
    assert "f:" in stop(text)


def test_aliases_cannot_nest_deeper_than_brackets() -> None:
    lines = ["a0: &a0 [1]"] + [f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 5000)]
    assert "nests deeper" in stop("\n".join(lines))


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [1, 2]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 20)]
    assert "aliases stand for more than" in stop("\n".join(lines))


# --- the C parser says what the pure one says

_PIECES = st.sampled_from(
    ["a", "b", "1", ": ", ":", "- ", "\n", "\n  ", "\n    ", " ", "{", "}", "[", "]", ", ", ",", "'", '"', "\\",
     "#", " # c", "|", "|\n  ", ">-\n  ", "?", "? ", "&x ", "*x", "!", "!!str ", "<<", "---", "...", "%", "@",
     "\t", "\r", "\r\n", "é", "\U0001f600", "null", "~", "0x1", "key: value\n", "\n- ", "\\n", "\\x41", "''", "+2",
     "::", " ::1/128", "::A", "\ue000", '"\\ue000"', "\\uE000"]
)  # fmt: skip


def outcome(text: str) -> object:
    try:
        document = compose(text, "f")
    except FaultError as error:
        return str(error)
    return document


@needs_c
@example(r'{a: "\ue000"}')
@example(r'{a: "\ue000", b: ::1/128}')
@example("{a: \ue000, b: ::1/128, c: 'a ::b', d: fe80::1}")
@given(st.lists(_PIECES, max_size=25).map("".join))
def test_both_parsers_read_the_same(text: str) -> None:
    with_c = outcome(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event, "_C_PARSER", None)
        assert outcome(text) == with_c
