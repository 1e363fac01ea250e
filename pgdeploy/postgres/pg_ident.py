"""pg_ident.conf: one line for each user name of a system and a role that it may be: map, system user, role.

Words are those of pg_hba.conf. Quotes take their meaning from `all` and from the + of a group, and never from the /
of a regular expression.
"""

from __future__ import annotations

from pgdeploy.postgres import pg_hba
from pgdeploy.text.character import ENDS_LINE, refuse
from pgdeploy.text.problem import ValueProblem

ROLE_KEYWORDS = ("all",)
WORDS_OF_ROLES = 16
"""The version from which `all`, +group and /regex in place of a role mean more than a name."""


def line(map_name: str, system: str, role: str) -> str:
    """One line; the role as a spec says it.

    Raises:
        ValueProblem: the file cannot hold it.
    """
    return f"{word(map_name)} {word(system)} {role_word(role)}"


def word(text: str) -> str:
    """A word in double quotes: a map's name, a user of the system.

    Raises:
        ValueProblem: it cannot stand in the file.
    """
    if not text:
        raise ValueProblem("a word in pg_ident.conf cannot be empty")
    doubled = refuse(text, ENDS_LINE, "pg_ident.conf").replace('"', '""')
    return f'"{doubled}"'


def role_word(said: str) -> str:
    """A role as the file has it: keywords stand bare, the + of a group before the quotes.

    Raises:
        ValueProblem: it cannot stand in the file.
    """
    if said in ROLE_KEYWORDS:
        return said
    inner = pg_hba.named(said)
    if inner is not None:
        return word(inner)
    prefix = "+" if said.startswith("+") and len(said) > 1 else ""
    return prefix + word(said.removeprefix(prefix))


def role_as_said(text: str, *, quoted: bool, major: int) -> str:
    """How a spec says a role that stands so in the file: in double quotes where the bare word would mean more."""
    if is_regex(text) and major >= WORDS_OF_ROLES:
        return text
    # a bare word in quotes of its own would be taken for a quoted one
    is_name = quoted or major < WORDS_OF_ROLES or pg_hba.named(text) is not None
    return role_name(text) if is_name else text


def role_name(name: str) -> str:
    """How a spec says this very role."""
    return '"' + name.replace('"', '""') + '"' if is_regex(name) else pg_hba.word(name, ROLE_KEYWORDS)


def one_spelling(said: str) -> str:
    """A role of a spec without quotes that change nothing."""
    inner = pg_hba.named(said)
    return said if inner is None else role_name(inner)


def is_regex(text: str) -> bool:
    """Whether PostgreSQL takes it for a regular expression: as a user of the system always, as a role from 16."""
    return text.startswith("/")


def means_more(said: str) -> bool:
    """Whether a bare word stands for more than the role of that name, from 16."""
    return said in ROLE_KEYWORDS or is_regex(said) or (said.startswith("+") and len(said) > 1)
