from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.spec.node import Data
from pgdeploy.spec.prune import Pruned


def pruned(*paths: tuple[str | int, ...]) -> Pruned:
    found = Pruned()
    found.add(paths)
    return found


def test_at_below_and_above() -> None:
    found = pruned(("a", 1, "b"))
    assert found.covers(("a", 1, "b"))
    assert found.covers(("a", 1, "b", "c"))
    assert not found.covers(("a", 1))
    assert found.touches(("a", 1))
    assert not found.touches(("a", 2))


def test_a_path_below_another_is_no_trouble() -> None:
    assert pruned(("a",), ("a", "b"), ("c", 0), ("c", 0, "d")).rest({"a": {"b": 1}, "c": [{"d": 1}, 2]}) == {
        "c": [2]
    }


@given(st.integers(0, 8), st.sets(st.integers(0, 7)))
def test_a_path_of_the_rest_is_found_in_the_whole(length: int, gone: set[int]) -> None:
    whole: Data = {"a": list(range(length))}
    found = pruned(*(("a", index) for index in gone if index < length))
    rest = found.rest(whole)
    assert isinstance(rest, dict)
    kept = rest["a"]
    assert isinstance(kept, list)
    for index, item in enumerate(kept):
        assert found.original(("a", index)) == ("a", item)
