"""Arguments of functions and procedures, as people write them and as psql and pg_get_functiondef show them.

`VARIADIC names text[]`, `IN a int4 DEFAULT 1` and `integer` are read as PostgreSQL's own grammar reads them: mode, name
and default go, the type stays. What is only returned (OUT) tells no two functions apart, and goes as well.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from pgdeploy.text.problem import ValueProblem

_SYSTEM = "pg_catalog"

_WORDS = {
    "int": "int4",
    "integer": "int4",
    "smallint": "int2",
    "bigint": "int8",
    "boolean": "bool",
    "float": "float8",
    "double precision": "float8",
    "real": "float4",
    "dec": "numeric",
    "decimal": "numeric",
    "character varying": "varchar",
    "char varying": "varchar",
    "nchar varying": "varchar",
    "national character varying": "varchar",
    "national char varying": "varchar",
    "char": "bpchar",
    "character": "bpchar",
    "nchar": "bpchar",
    "national character": "bpchar",
    "national char": "bpchar",
    "bit varying": "varbit",
    "time without time zone": "time",
    "time with time zone": "timetz",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
}
"""Words of the grammar, and the type in pg_catalog that each is."""

_FIELDS = re.compile(r"interval (year|month|day|hour|minute|second)( to (month|hour|minute|second))?")
_BUILTIN = frozenset(
    {*_WORDS.values(), "text", "json", "jsonb", "uuid", "date", "interval", "bytea", "name", "oid"}
)


class Type(NamedTuple):
    """A type by its name in pg_type. `schema` is None where it is not written, and no word of the grammar."""

    schema: str | None
    name: str
    array: bool

    def fits(self, actual: Type, *, anywhere: bool) -> bool:
        """Whether `actual`, a type of the server, is meant; `anywhere`: in any schema where none is written."""
        here = self.schema or (actual.schema if anywhere else _SYSTEM)
        alike = (self.name, self.array) == (actual.name, actual.array)
        # the type of an array has a name of its own: _mood is mood[]
        by_name = actual.array and not self.array and self.name == f"_{actual.name}"
        return here == actual.schema and (alike or by_name)


class _Token(NamedTuple):
    kind: str
    text: str


_TOKEN = re.compile(
    r"""\s*(?:"(?P<quoted>(?:[^"]|"")+)"|'(?P<string>(?:[^']|'')*)'|(?P<word>[^\W\d][\w$]*)|(?P<sign>\S))"""
)


@lru_cache(maxsize=4096)
def read_arguments(text: str) -> tuple[Type, ...]:
    """The types that a call passes, of a list of arguments.

    Raises:
        ValueProblem: this is no list of arguments.
    """
    tokens = [_token(found) for found in _TOKEN.finditer(text.strip())]
    if not tokens or tokens == [_Token("sign", "*")]:
        return ()
    lists = [[_argument(argument, text) for argument in _split(part, text)] for part in _parts(tokens)]
    if len(lists) > 1 and lists[0] and lists[0][-1:] == lists[1] and "variadic" in text.lower():
        # the variadic argument of a hypothetical-set aggregate is written twice, and is one
        lists = lists[:1]
    return tuple(kept for arguments in lists for kept in arguments if kept is not None)


def server_arguments(text: str) -> tuple[Type, ...]:
    """The same of what the server says, where pg_catalog is the only schema that it leaves out."""
    return tuple(known._replace(schema=known.schema or _SYSTEM) for known in read_arguments(text))


_ONE = re.compile(r'(?:"(?:[^"]|"")*"|\([^)]*\)|[^,"(])+')


def split_arguments(text: str) -> list[str]:
    """Each of the types that the server lists."""
    return [found.strip() for found in _ONE.findall(text)]


def _token(found: re.Match[str]) -> _Token:
    kind = found.lastgroup or ""
    text = found[kind]
    return _Token(kind, text.replace('""', '"') if kind == "quoted" else text)


def _parts(tokens: Sequence[_Token]) -> list[Sequence[_Token]]:
    """Direct and aggregated arguments: an ordered-set aggregate has ORDER BY between them."""
    words = [token.text.lower() if token.kind == "word" else "" for token in tokens]
    for index, pair in enumerate(pairwise(words)):
        if pair == ("order", "by"):
            return [part for part in (tokens[:index], tokens[index + 2 :]) if part]
    return [tokens]


def _split(tokens: Sequence[_Token], text: str) -> list[list[_Token]]:
    """One list of tokens an argument: commas within parentheses and brackets separate none."""
    found: list[list[_Token]] = [[]]
    depth = 0
    for token in tokens:
        sign = token.text if token.kind == "sign" else ""
        depth += (sign in ("(", "[")) - (sign in (")", "]"))
        if depth < 0:
            raise _no_arguments(text)
        if sign == "," and not depth:
            found.append([])
        else:
            found[-1].append(token)
    if depth or not all(found):
        raise _no_arguments(text)
    return found


def _argument(tokens: list[_Token], text: str) -> Type | None:
    """Its type; None for one that is only returned."""
    mode, rest = _mode(_without_default(tokens))
    known = _type(rest)
    if known is None and rest and rest[0].kind in ("word", "quoted"):
        later, rest = _mode(rest[1:])
        mode, known = mode or later, _type(rest)
    if known is None:
        raise _no_arguments(text)
    return None if mode == "out" else known


def _without_default(tokens: list[_Token]) -> list[_Token]:
    for index, token in enumerate(tokens):
        if token == _Token("sign", "=") or (token.kind == "word" and token.text.lower() == "default"):
            end = index - 1 if tokens[index - 1] == _Token("sign", ":") else index
            return tokens[:end]
    return tokens


def _mode(tokens: list[_Token]) -> tuple[str, list[_Token]]:
    mode = tokens[0].text.lower() if len(tokens) > 1 and tokens[0].kind == "word" else ""
    if mode not in ("in", "out", "inout", "variadic"):
        return "", tokens
    if mode == "in" and tokens[1].kind == "word" and tokens[1].text.lower() == "out":
        return "inout", tokens[2:]
    return mode, tokens[1:]


def _type(tokens: Sequence[_Token]) -> Type | None:
    """The type that all of the tokens are; None when they are none."""
    array = False
    while tokens and tokens[-1] == _Token("sign", "]"):
        before = next((n for n in range(len(tokens) - 1, -1, -1) if tokens[n].text == "["), 0)
        if not all(token.text.isdigit() for token in tokens[before + 1 : -1]):
            return None
        tokens, array = tokens[:before], True
    if len(tokens) > 1 and tokens[-1].kind == "word" and tokens[-1].text.lower() == "array":
        tokens, array = tokens[:-1], True
    tokens, modifier = _without_modifier(tokens)
    found = _named(tokens)
    if found == Type(_SYSTEM, "float8", False) and re.fullmatch(
        "0*([1-9]|1[0-9]|2[0-4])", modifier, re.ASCII
    ):
        found = found._replace(name="float4")
    if found is not None and array:
        return found._replace(array=True)
    return found


def _without_modifier(tokens: Sequence[_Token]) -> tuple[Sequence[_Token], str]:
    """What stands in parentheses, as in varchar(40), is not part of a function's arguments."""
    signs = [token.text if token.kind == "sign" else "" for token in tokens]
    if "(" not in signs[1:] or ")" not in signs:
        return tokens, ""
    start, end = signs.index("("), signs.index(")")
    return [*tokens[:start], *tokens[end + 1 :]], "".join(token.text for token in tokens[start + 1 : end])


def _named(tokens: Sequence[_Token]) -> Type | None:
    kinds = [token.kind for token in tokens]
    if len(tokens) == 3 and tokens[1] == _Token("sign", ".") and {kinds[0], kinds[2]} <= {"word", "quoted"}:
        schema, name = _folded(tokens[0]), _folded(tokens[2])
        return _plain(schema, name, quoted=kinds[2] == "quoted" or schema != _SYSTEM)
    if kinds == ["quoted"]:
        return _plain(None, tokens[0].text, quoted=True)
    if not kinds or set(kinds) != {"word"}:
        return None
    words = " ".join(_folded(token) for token in tokens)
    if len(tokens) == 1:
        return _plain(None, words, quoted=False)
    if _FIELDS.fullmatch(words):
        return Type(_SYSTEM, "interval", False)
    return Type(_SYSTEM, _WORDS[words], False) if words in _WORDS else None


def _plain(schema: str | None, name: str, *, quoted: bool) -> Type:
    name = name if quoted else _WORDS.get(name, name)
    if schema in (None, _SYSTEM) and name.removeprefix("_") in _BUILTIN:
        return Type(_SYSTEM, name.removeprefix("_"), name.startswith("_"))
    return Type(schema, name, False)


def _folded(token: _Token) -> str:
    return token.text if token.kind == "quoted" else token.text.lower()


def _no_arguments(text: str) -> ValueProblem:
    return ValueProblem(
        f"read {text!r}, which is no list of arguments; allowed: types as text, varchar(40), int[], s.kind, "
        "or arguments as psql shows them: VARIADIC names text[], IN a integer DEFAULT 1"
    )
