"""A mapping that cannot change, so that a frozen model with one in it is frozen, equal and hashable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, TypeVar, get_args

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)


class FrozenMap(Mapping[K, V_co]):
    """Holds what it was made from in that order; equal to any mapping with the same items.

    As the type of a model's field it is read from a mapping and written as one.
    """

    __slots__ = ("_hash", "_items")

    def __init__(self, items: Mapping[K, V_co] = MappingProxyType({})) -> None:
        self._items = dict(items)
        self._hash: int | None = None

    def __getitem__(self, key: K) -> V_co:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(frozenset(self._items.items()))
        return self._hash

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        key, value = get_args(source) or (str, Any)
        inner = core_schema.dict_schema(handler.generate_schema(key), handler.generate_schema(value))
        made = core_schema.no_info_after_validator_function(cls, inner)
        # Not one schema for both: after a function of Python, pydantic forgets that it reads JSON, and
        # is stricter about dates and the like.
        return core_schema.json_or_python_schema(
            json_schema=made,
            python_schema=core_schema.no_info_before_validator_function(_thaw, made),
            serialization=core_schema.wrap_serializer_function_ser_schema(_write, schema=inner),
        )


def _thaw(value: object) -> object:
    return dict(value) if isinstance(value, FrozenMap) else value


def _write(value: Mapping[Any, Any], handler: Any) -> Any:
    return handler(dict(value))
