from __future__ import annotations

from datetime import date
from typing import Annotated

import pytest
from pydantic import BeforeValidator, ValidationError

from pgdeploy.spec.model import Day, FrozenMap, Identifier, Model
from tests.spec.example import Example, Role


class Nested(Model):
    """Collections in collections."""

    pairs: FrozenMap[str, tuple[tuple[Identifier, ...], ...]] = FrozenMap()
    names: frozenset[str] = frozenset()
    numbers: tuple[int, ...] = ()
    same: Annotated[tuple[int, ...], BeforeValidator(lambda value: value)] = ()


def test_lists_become_tuples_and_scalars_stay_strict() -> None:
    nested = Nested.model_validate({"pairs": {"a": [["x"], []]}, "names": ["a"], "numbers": [1], "same": [2]})
    assert nested.pairs == {"a": (("x",), ())}
    assert nested.names == {"a"}
    assert nested == Nested.model_validate_json(
        '{"pairs":{"a":[["x"],[]]},"names":["a"],"numbers":[1],"same":[2]}'
    )
    with pytest.raises(ValidationError):
        Nested.model_validate({"numbers": ["1"]})
    with pytest.raises(ValidationError):
        Nested.model_validate({"numbers": "12"})


def test_models_are_frozen_equal_and_hashable() -> None:
    one = Example(roles=FrozenMap({"app": Role(login=True)}))
    two = Example.model_validate({"roles": {"app": {"login": True}}})
    assert one == two
    assert hash(one) == hash(two)
    with pytest.raises(ValidationError):
        one.notes = ()  # type: ignore[misc]


def test_only_what_was_set_is_written() -> None:
    example = Example.model_validate({"roles": {"app": {"login": False}}})
    assert example.model_dump(exclude_unset=True) == {"roles": {"app": {"login": False}}}
    assert Example.model_validate(example.model_dump()).roles == example.roles


@pytest.mark.parametrize("name", ["a", "x" * 63, "é" * 31, 'a"b', "x; DROP", "public"])
def test_identifiers(name: str) -> None:
    assert Role(member_of=(name,)).member_of == (name,)


@pytest.mark.parametrize(
    ("name", "said"), [("", "0 bytes"), ("x" * 64, "64 bytes"), ("é" * 32, "64 bytes"), ("a\0", "NUL")]
)
def test_what_is_no_identifier(name: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Role(member_of=(name,))


def test_days() -> None:
    class Waiver(Model):
        until: Day

    assert Waiver.model_validate({"until": "2027-01-01"}).until == date(2027, 1, 1)
    assert Waiver(until=date(2027, 1, 1)) == Waiver.model_validate_json('{"until":"2027-01-01"}')
    for odd in ("2027-W01-1", "20270101", 5, True, "2027-01-01T00:00", None):
        with pytest.raises(ValidationError):
            Waiver.model_validate({"until": odd})


def test_a_frozen_map_is_a_mapping() -> None:
    frozen = FrozenMap({"b": 1, "a": 2})
    assert list(frozen) == ["b", "a"]
    assert frozen == {"a": 2, "b": 1}
    assert hash(frozen) == hash(FrozenMap({"a": 2, "b": 1}))
    assert repr(frozen) == "FrozenMap({'b': 1, 'a': 2})"
    with pytest.raises(TypeError):
        frozen["c"] = 3  # type: ignore[index]
