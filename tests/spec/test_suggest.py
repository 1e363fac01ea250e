from __future__ import annotations

from pgdeploy.spec.suggest import advise, near_miss


def test_a_near_miss_is_found_whatever_its_case() -> None:
    assert near_miss("logn", ["login", "settings"]) == "login"
    assert near_miss("LOGIN", ["login"]) == "login"
    assert near_miss("shared_bufers", ["shared_buffers", "temp_buffers"]) == "shared_buffers"
    assert near_miss("xyz", ["login"]) is None
    assert near_miss("x" * 10_000, ["x" * 9_000]) is None


def test_a_short_list_is_told_and_a_long_one_is_not() -> None:
    assert advise("c", ["b", "a"]) == "; allowed: a, b"
    assert advise("c", []) == ""
    assert advise("n1x", [f"n{i}" for i in range(50)]) == "; did you mean n1?"
