"""YAML text to parse events, by the C parser where it is installed.

The C parser (package ruamel.yaml.clib) is some twenty times faster than the pure one. It decides
nothing by itself: what it refuses, the pure parser reads again, so that messages, places and the finer
points of YAML 1.2 are the same on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import Event, ScalarEvent

from pgdeploy.spec.place import Fault, Place
from pgdeploy.spec.source import FaultError


def _load_c_parser() -> Any:
    """The class of the C parser, or None. (Its module has no types.)"""
    try:
        return import_module("_ruamel_yaml").CParser
    except (ImportError, AttributeError):
        return None


_C_PARSER = _load_c_parser()


# Where the C parser takes what the pure one refuses: tabs, a comment right behind `|`, and lines of
# nothing but spaces, which in a block of text may be indented too far.
_DISPUTED = re.compile(r"\t|[|>][-+0-9]*#|(?:\A|[\r\n]) +(?:[\r\n]|\Z)")


def c_events(text: str) -> Iterator[Event] | None:
    """The events by the C parser; None if it is absent, or known to differ on this text.

    Raises whatever the C parser raises. After any failure ask `pure_events`, which decides.
    """
    if _C_PARSER is None or _DISPUTED.search(text):
        return None
    if not _LEADING_COLONS.search(text):
        return _drain(_C_PARSER(text))
    if _STAND_IN in text or _ESCAPED.search(text):
        return None
    return map(_with_colons, _drain(_C_PARSER(_LEADING_COLONS.sub(_STAND_IN * 2, text))))


_STAND_IN = "\ue000"
"""Stands for a colon while the C parser reads: a character of private use."""

_ESCAPED = re.compile(r"\\[uU]")
"""An escape can name any character, the stand-in too."""

# `address: ::1/128` between braces: YAML 1.2 takes it for a text, and the C parser, which reads 1.1, refuses it.
_LEADING_COLONS = re.compile(r"(?<=[ \[{,])::(?=[0-9A-Fa-f])")


def _drain(parser: Any) -> Iterator[Event]:
    while parser.check_event():
        yield parser.get_event()


def _with_colons(event: Event) -> Event:
    if isinstance(event, ScalarEvent):
        event.value = event.value.replace(_STAND_IN, ":")
    return event


def pure_events(text: str, file: str) -> Iterator[Event]:
    """The events by the pure parser. Raises FaultError where the text is not YAML."""
    place = Place(file, 1, 1)
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            place = place_of(event.start_mark, file)
            yield event
    except MarkedYAMLError as error:
        mark = error.context_mark if _is_open_quote(error) else error.problem_mark
        where = place if mark is None else place_of(mark, file)
        raise FaultError(Fault(where, f"this is not YAML: {_explain(error)}")) from None
    except Exception as error:  # noqa: BLE001 - odd input meets whatever Python raises: chr() of a huge escape
        reason = "something behind this place cannot be read, such as an escape that names no character"
        raise FaultError(Fault(place, f"this is not YAML: {reason} ({type(error).__name__})")) from None


def place_of(mark: Any, file: str) -> Place:
    """The place of one of ruamel's marks, which count from 0."""
    return Place(file, mark.line + 1, mark.column + 1)


def _is_open_quote(error: MarkedYAMLError) -> bool:
    """A quote that is never closed: the place to look at is where it was opened, not the end of the file."""
    return "unexpected end of stream" in str(error.problem)


_OUT_OF_PLACE = (
    "this line does not go on with what stands before it: indent it like the lines that it belongs to, "
    "and put quotes around a text with special characters"
)
_BRACKET = {"parsing a flow sequence": ("[", "]"), "parsing a flow mapping": ("{", "}")}
_ADVICE = {
    "unexpected end of stream": "this quote is never closed",
    "<block end>": _OUT_OF_PLACE,
    "<document start>": _OUT_OF_PLACE,
    "'\\t'": "a tab; indent with spaces",
    "'@'": "a text may not start with @; quote it",
    "'`'": "a text may not start with a backquote; quote it",
    "'%'": "a text may not start with %; quote it",
    "mapping values are not allowed here": "a text with ': ' in it needs quotes, or the indentation is off",
    "sequence entries are not allowed": "a list does not begin beside its key: write `- ` on the lines below it",
    "could not find expected ':'": "a key needs `: ` behind it, and a text of several lines needs quotes",
    "expected the node content": "nothing is open here that this sign could close; quote a text that starts with it",
    "scanning a double-quoted scalar": r"in double quotes a \ begins an escape: write \\ for it, or use single quotes",
    "scanning an anchor": "a text may not start with &; quote it",
    "scanning an alias": "a text may not start with *; quote it",
    "scanning a block scalar": "behind | or > stands nothing more, and the text begins on the next line",
    "tag": "a tag (!...) is not used in specs; quote a text that starts with !",
}


def _explain(error: MarkedYAMLError) -> str:
    """What is wrong and what to do, in our words; never the parser's excerpt of the text, which may be a secret."""
    problem, context = str(error.problem or ""), str(error.context or "")
    for what, (opening, closing) in _BRACKET.items():
        if what in context and error.context_mark is not None:
            line = error.context_mark.line + 1
            return f"the {opening} of line {line} is not closed: a {closing} or a comma is missing before this place"
    for part, advice in _ADVICE.items():
        if part in problem or part in context:
            return advice
    return "it cannot be read on from here: is a quote or a bracket missing, or the indentation off?"
