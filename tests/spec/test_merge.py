"""The laws of merging, on data and on places."""

from __future__ import annotations

import json
from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.spec import merge as merging
from pgdeploy.spec.compose import compose
from pgdeploy.spec.node import Data, Node, data, key_place

KEYS = st.sampled_from(["a", "b", "c"])
SCALARS = st.sampled_from([1, "x", True])
VALUES = SCALARS | st.lists(SCALARS, max_size=2)
# A key of a schema keeps its kind: `m...` are mappings all the way down, the others are values.
DOCUMENTS = st.recursive(
    st.dictionaries(KEYS, VALUES, max_size=3),
    lambda inner: st.builds(
        lambda values, maps: {**values, **{f"m{key}": value for key, value in maps.items()}},
        st.dictionaries(KEYS, VALUES, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
    ),
    max_leaves=12,
)


def merge(base: Node, top: Node) -> Node:
    return merging.merge(base, top, [])


def node(document: object) -> Node:
    return compose(json.dumps(document), "f").root


def merged(*documents: object) -> Data:
    return data(reduce(merge, map(node, documents)))


@given(DOCUMENTS, DOCUMENTS, DOCUMENTS)
def test_merging_is_associative(a: object, b: object, c: object) -> None:
    assert data(merge(merge(node(a), node(b)), node(c))) == data(merge(node(a), merge(node(b), node(c))))


@given(DOCUMENTS, DOCUMENTS)
def test_merging_again_changes_nothing(a: object, b: object) -> None:
    assert merged(a, b, b) == merged(a, b)
    assert merged(a, a) == a


@given(DOCUMENTS)
def test_the_empty_document_is_neutral(a: object) -> None:
    assert merged({}, a) == merged(a, {}) == a


def test_a_reference_to_a_secret_is_one_value() -> None:
    """Where it comes from differs between environments; a mapping that only looks like one is merged."""
    assert merged({"p": {"env": "A"}}, {"p": {"command": ["b"]}}) == {"p": {"command": ["b"]}}
    assert merged({"p": {"file": "a"}}, {"p": {"file": "b"}}) == {"p": {"file": "b"}}
    assert merged({"p": {"env": "A", "x": 1}}, {"p": {"file": "b"}}) == {
        "p": {"env": "A", "x": 1, "file": "b"}
    }
    assert merged({"p": {"x": 1}}, {"p": {"file": "b"}}) == {"p": {"x": 1, "file": "b"}}


def test_lists_and_scalars_are_replaced() -> None:
    assert merged({"a": [1, 2], "b": 1, "c": {"d": 1}}, {"a": [3], "b": {"e": 1}, "c": 5}) == {
        "a": [3], "b": {"e": 1}, "c": 5,
    }  # fmt: skip


def test_null_takes_an_inherited_key_away_and_else_stays() -> None:
    assert merged({"a": {"b": 1, "c": 2}}, {"a": {"b": None, "d": None}}) == {"a": {"c": 2, "d": None}}


def test_each_part_keeps_its_place() -> None:
    root = merge(compose("a:\n  b: 1\n  c: 2\n", "base").root, compose("\na:\n  c: 3\n", "top").root)
    assert str(key_place(root, ("a", "b"))) == "base:2:3"
    assert str(key_place(root, ("a", "c"))) == "top:3:3"
    assert str(key_place(root, ("a",))) == "top:2:1"


def test_what_is_replaced_is_told_with_its_lines() -> None:
    base = compose("a:\n  b:\n  - 1\n  - {c: 2}\n  d:\n    e: [1,\n        2]\nf: []\ng: 1\n", "base").root
    replaced: list[merging.Replaced] = []
    merging.merge(base, compose("a: {b: [3], d: null}\nf: [1]\ng: 2\n", "top").root, replaced)
    assert [(one.keys, str(one.place), one.lines) for one in replaced] == [
        (("a", "b"), "base:2:3", 2),
        (("a", "d"), "base:5:3", 2),
    ]
