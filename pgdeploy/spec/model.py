"""What every model of a spec has in common.

Models cannot change and refuse keys that they do not know. Values are what the file says: "yes" is no
bool and 5 is no text. Lists are `tuple[X, ...]`, mappings `FrozenMap[K, V]`, choices `Literal`.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError

from pgdeploy.spec.collection import take_lists
from pgdeploy.spec.frozenmap import FrozenMap

__all__ = ["Day", "FrozenMap", "Identifier", "Model", "listed"]

# NAMEDATALEN - 1: the server cuts longer names off, silently.
MAX_IDENTIFIER_BYTES = 63


class Model(BaseModel):
    """The base of all models of a spec."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        allow_inf_nan=False,
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler(source)
        take_lists(schema, cls)
        return schema


def _parse_day(value: object) -> object:
    if type(value) is date:
        return value
    try:
        # fromisoformat takes 20270101 and 2027-W01-5 too: a spec has one spelling.
        if isinstance(value, str) and len(value) == len("2027-01-01") and value[4] == value[7] == "-":
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date_parsing", "a date such as 2027-01-01")


Day = Annotated[date, BeforeValidator(_parse_day, json_schema_input_type=date)]
"""A date, written 2027-01-01, with or without quotes."""


def listed(value: object) -> object:
    """For a list that may be one text: `user: app` is `user: [app]`."""
    return [value] if isinstance(value, str) else value


def _check_identifier(name: str) -> str:
    if "\0" in name:
        raise PydanticCustomError("identifier", "a name cannot hold the character NUL")
    length = len(name.encode("utf-8", "surrogatepass"))
    if not 1 <= length <= MAX_IDENTIFIER_BYTES:
        raise PydanticCustomError(
            "identifier",
            "a name of {length} bytes in UTF-8; allowed: 1 to {limit} bytes",
            {"length": length, "limit": MAX_IDENTIFIER_BYTES},
        )
    return name


Identifier = Annotated[
    str,
    AfterValidator(_check_identifier),
    Field(json_schema_extra={"minLength": 1, "maxLength": MAX_IDENTIFIER_BYTES}),
]
"""The name of a thing in PostgreSQL, as it is (never folded to lower case): 1 to 63 bytes, no NUL."""
