"""pydantic's errors in this project's words: what was read, what is allowed, what may have been meant.

Two things need care. pydantic names the members of unions and the validators that it went through in
the same tuple as the keys of the document; the data tells them apart. And it reports every member of a
union that did not fit; a user wrote one thing and reads one line about it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from pgdeploy.spec.node import Data
from pgdeploy.spec.place import Keys
from pgdeploy.spec.problem import Problem, show
from pgdeploy.spec.prune import child
from pgdeploy.spec.shape import is_secret, known_keys, why_refused
from pgdeploy.spec.suggest import advise, near_miss

Error: TypeAlias = Mapping[str, Any]
_Located: TypeAlias = tuple[Keys, Error]
_Pending: TypeAlias = tuple[tuple[str | int, ...], Error]


@dataclass(frozen=True, slots=True)
class Translated:
    """A problem, whether it is about the key itself, and what to take away for the rest to be valid."""

    problem: Problem
    about_key: bool
    prune: Keys


def translate(
    error: ValidationError, data: Data, model: type[BaseModel], also_allowed: Iterable[str] = ()
) -> list[Translated]:
    """The problems in a validation error, each path once.

    `also_allowed` are keys of the root that the model does not know and the loader takes.
    """
    every = [(one["loc"], one) for one in error.errors(include_url=False)]
    above = {location[:end] for location, _ in every for end in range(len(location))}
    # pydantic counts the items that it did not refuse
    pending = [(loc, one) for loc, one in every if one["type"] != "too_short" or loc not in above]
    by_keys: dict[Keys, list[Error]] = {}
    for keys, one in _settle(pending, data, ()):
        by_keys.setdefault(keys, []).append(one)
    wording = _Wording(model, frozenset(also_allowed))
    return [wording.translate(keys, errors) for keys, errors in by_keys.items()]


# --- from pydantic's locations to paths of the document


def _settle(pending: Sequence[_Pending], data: Data, keys: Keys) -> list[_Located]:
    """The errors at and below a value, with the path that each is about."""
    settled: list[_Located] = []
    children: dict[str | int, list[_Pending]] = {}
    members: dict[str | int, list[_Pending]] = {}
    for location, error in pending:
        if location and _is_child(data, location, error):
            children.setdefault(location[0], []).append((location[1:], error))
        elif not location or location == ("[key]",):
            settled.append((keys, error))
        else:
            members.setdefault(location[0], []).append((location[1:], error))
    for key, below in children.items():
        settled += _settle(below, child(data, key), (*keys, key))
    groups = [_settle(group, data, keys) for group in members.values()]
    return settled + _best(groups, keys)


def _is_child(data: Data, location: tuple[str | int, ...], error: Error) -> bool:
    key = location[0]
    if isinstance(data, dict):
        return key in data or (error["type"] == "missing" and len(location) == 1)
    return isinstance(data, list) and isinstance(key, int) and key < len(data)


def _best(groups: list[list[_Located]], keys: Keys) -> list[_Located]:
    """Of the members of a union, the one that was meant; all of them if none has the right type."""
    fitting = [group for group in groups if all(_fits(one, keys) for one in group)]
    if fitting:
        return min(fitting, key=len)
    return [one for group in groups for one in group]


def _fits(located: _Located, keys: Keys) -> bool:
    at, error = located
    return at != keys or error["type"] not in _ALLOWED


# --- from errors to words

_TEXT = "text"
_LIST = "a list"
_MAPPING = "a mapping (key: value)"
_WHOLE = "a whole number"
_DATE = "a date such as 2027-01-01"
_TIME = "a date and time such as 2027-01-01T12:00:00Z"

# The types of error that say "this is another kind of value", and the kind that is allowed.
_ALLOWED: dict[str, str] = {
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), _WHOLE),
    **dict.fromkeys(("float_type", "float_parsing", "decimal_type", "decimal_parsing"), "a number"),
    **dict.fromkeys(("string_type", "string_sub_type"), _TEXT),
    **dict.fromkeys(("tuple_type", "list_type", "set_type", "frozen_set_type", "iterable_type"), _LIST),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type", "model_attributes_type"), _MAPPING),
    **dict.fromkeys(("dataclass_type", "dataclass_exact_type"), _MAPPING),
    **dict.fromkeys(("date_type", "date_parsing", "date_from_datetime_parsing"), _DATE),
    **dict.fromkeys(("date_from_datetime_inexact",), _DATE),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), _TIME),
    "none_required": "null",
    "literal_error": "",
    "enum": "",
}

_LIMIT: dict[str, tuple[str, str]] = {
    "greater_than": ("more than", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("less than", "lt"),
    "less_than_equal": ("at most", "le"),
    "multiple_of": ("a multiple of", "multiple_of"),
}

_CHOICE = re.compile(r"'((?:[^'\\]|\\.)*)'")


@dataclass(frozen=True, slots=True)
class _Wording:
    model: type[BaseModel]
    also_allowed: frozenset[str]

    def translate(self, keys: Keys, errors: list[Error]) -> Translated:
        error = next((one for one in errors if one["type"] not in _ALLOWED), errors[0])
        kind = str(error["type"])
        about_key = kind == "extra_forbidden" or error["loc"][-1:] == ("[key]",)
        prune = keys[:-1] if kind == "missing" else keys
        return Translated(Problem(keys, self._message(keys, error, errors)), about_key, prune)

    def _message(self, keys: Keys, error: Error, errors: list[Error]) -> str:
        kind = str(error["type"])
        if kind == "missing":
            return "this key is required and missing"
        if kind == "extra_forbidden":
            return self._unknown(keys)
        if kind == "secret_text":
            return str(error["msg"])
        if is_secret(self.model, keys):
            return _silent(errors)
        read = _read(error["input"])
        if kind in _ALLOWED:
            return f"{read}; {_mismatch(errors)}"
        return read + "; " + _say(error) if read else _say(error)

    def _unknown(self, keys: Keys) -> str:
        known = known_keys(self.model, keys[:-1])
        if len(keys) == 1:
            known |= self.also_allowed
        why = why_refused(self.model, keys)
        if why is not None:
            return f"unknown key; {why}"
        if keys[-1] in known:  # of another member of a union
            return "this key does not go with the others here"
        return f"unknown key{advise(str(keys[-1]), known)}"


def _read(value: object) -> str:
    return f"read {show(value)}"


def _silent(errors: list[Error]) -> str:
    """Words that hold nothing of the input, nor of a message that may repeat it."""
    if all(error["type"] in _ALLOWED for error in errors):
        return f"allowed: {_join(_kinds(errors))} (what was read is not shown: it may be a secret)"
    return "is not allowed here (what was read is not shown: it may be a secret)"


def _mismatch(errors: list[Error]) -> str:
    value = errors[0]["input"]
    choices = [choice for error in errors for choice in _choices(error)]
    near = near_miss(value, choices) if isinstance(value, str) else None
    meant = f"; did you mean {near}?" if near is not None else ""
    return f"allowed: {_join(_kinds(errors))}{_hint(value, errors)}{meant}"


def _kinds(errors: list[Error]) -> list[str]:
    kinds = [_ALLOWED[error["type"]] or str(error["ctx"]["expected"]) for error in errors]
    return list(dict.fromkeys(kinds))


def _choices(error: Error) -> list[str]:
    if error["type"] not in ("literal_error", "enum"):
        return []
    return _CHOICE.findall(str(error["ctx"]["expected"]))


def _hint(value: object, errors: list[Error]) -> str:
    allowed = {_ALLOWED[error["type"]] for error in errors}
    if "true or false" in allowed and str(value).lower() in ("yes", "no", "on", "off"):
        return " (yes, no, on and off are text in YAML 1.2)"
    if _TEXT in allowed and isinstance(value, (bool, int, float)):
        return " (quote it)"
    return ""


def _join(kinds: Sequence[str]) -> str:
    return ", or ".join(kinds)


def _say(error: Error) -> str:
    """The words for an error of a value that has the right type."""
    kind, context = str(error["type"]), error.get("ctx", {})
    if kind in _LIMIT:
        words, name = _LIMIT[kind]
        return f"allowed: {words} {context[name]}"
    special = _SPECIAL.get(kind)
    return special(error, context) if special else str(error["msg"])


def _own_words(error: Error, context: Mapping[str, Any]) -> str:
    return str(context.get("error") or error["msg"])


def _unknown_tag(error: Error, context: Mapping[str, Any]) -> str:
    return f"{context['discriminator']}: allowed: {context['expected_tags']}"


def _no_tag(error: Error, context: Mapping[str, Any]) -> str:
    return f"needs the key {context['discriminator']}"


_SPECIAL: dict[str, Callable[[Error, Mapping[str, Any]], str]] = {
    "value_error": _own_words,
    "assertion_error": _own_words,
    "union_tag_invalid": _unknown_tag,
    "union_tag_not_found": _no_tag,
}
