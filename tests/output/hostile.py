"""Texts that would do something where they are printed, and what may be said of output that holds them."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import strategies as st

FORGED = {
    "line": "x\n::error::forged",
    "indented": "x\n   ::warning file=a::forged",
    "first": "::error::forged",
    "return": "x\r##[error]forged",
    "github": "##[error]forged",
    "azure": "##vso[task.setvariable variable=a]b",
    "teamcity": "##teamcity[testFailed name='a']",
    "gitlab": "section_start:1:a\r\x1b[0K",
    "clear": "x\x1b[2J\x1b[1;1Hforged",
    "title": "\x1b]0;forged\x07",
    "c1": "\x9b2J forged",
    "next line": "x\x85forged",
    "separators": "x\u2028forged\u2029forged",
    "feeds": "x\x0bforged\x0cforged",
    "bidi": "\u202eforged\u2066\u200e",
    "zero width": "a\u200bb\u200c\u200d\ufeffc\u3164",
    "delete": "x\x7f\x08\x08forged",
    "psql": "x\n\\! touch pwned\n--",
    "psql quote": "x\"\n\\! touch pwned\n'\n\\! touch pwned\n\\q",
    "psql variable": ":x :'x' :\"x\" `touch pwned`",
    "conninfo": "host=forged port=1",
    "backslash": "x\\'; \\! touch pwned",
}

_CHARACTERS = st.one_of(
    st.sampled_from(
        "\n\r\t\x1b\x07\x7f\x85\x9b\u2028\u2029\u202e\u2066\u200b\ufeff\u3164\U000e0041#[:\\'\"`$=;-! "
    ),
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"),
)
TEXTS = st.one_of(st.sampled_from(sorted(FORGED.values())), st.text(_CHARACTERS, max_size=80))
_TAKEN = ("none", "postgres", "template0", "template1")
NAMES = TEXTS.filter(
    lambda text: 0 < len(text.encode()) <= 63 and not text.startswith("pg_") and text not in _TAKEN
)

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_COMMAND = re.compile(r"##\w*\[|^\s*::", re.MULTILINE)


def wrongs(output: str) -> list[str]:
    """What an output must not have: characters that act on a terminal, and commands to a CI service."""
    unseen = [repr(char) for char in output if char != "\n" and unicodedata.category(char) in _UNSEEN]
    return [*unseen, *_COMMAND.findall(output)]


def yaml(text: str) -> str:
    """The text as YAML, in visible ASCII."""
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\U{ord(c):08X}" for c in text) + '"'
