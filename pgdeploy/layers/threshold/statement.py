"""Statements of others, as reports show them: without their constants, which may be secrets."""

from __future__ import annotations

import re

_LONGEST = 300

# What is ambiguous without the session's settings, or the rest of the text, hides all that follows: a backslash in a
# string, a comment within a comment.
_TOKEN = re.compile(
    r"""
      (?P<comment> --[^\n]* | /\*(?:(?!\*/|/\*).)*(?:\*/|/\*.*|\Z) )
    | (?P<name> "(?:[^"]|"")*(?:"|\Z) | [^\W\d][\w$]* (?!') | \$[0-9]+ )
    | (?P<constant>
          \$(?P<tag>(?:[^\W\d]\w*)?)\$.*?(?:\$(?P=tag)\$|\Z)
        | (?:[^\W\d]\w*)?&?'(?:[^'\\]|'')*(?:'|\\.*|\Z)
        | [0-9][\w.]*
      )
    """,
    re.DOTALL | re.VERBOSE,
)


def statement_shown(text: str) -> str:
    """A statement with `?` for each constant, on one line and without comments; a long one is cut off."""
    shown = " ".join(_TOKEN.sub(_shown, text).split())
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


def _shown(token: re.Match[str]) -> str:
    if token["comment"]:
        return " "
    return token["name"] or "?"
