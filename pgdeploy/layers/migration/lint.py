"""Advice on revisions: squawk's on the SQL that Alembic renders, and what squawk cannot see.

A comment silences one rule on its line or the line below it:
    # pgdeploy: allow ban-drop-column until 2027-01-31: the column is not read any more
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.layers.migration.plan import sql_of
from pgdeploy.layers.migration.project import role_of, scripts_of
from pgdeploy.layers.migration.squawk import advice, roles_in, statements_of
from pgdeploy.text.naming import listing, quoted_name

if TYPE_CHECKING:
    from pgdeploy.layers.migration.plan import Rendered
    from pgdeploy.layers.migration.scripts import Revision, Scripts
    from pgdeploy.model.migration import MigrationSpec
    from pgdeploy.model.spec import Spec

_OURS_ANYWAY = frozenset(
    {
        "require-lock-timeout",  # each session has it
        "require-statement-timeout",
        "prefer-robust-stmts",  # a revision is one transaction, and is whole or not there
        "transaction-nesting",
    }
)
_BUILT_IN = re.compile(r"pg_\w+|public|current_user|current_role|session_user", re.IGNORECASE)
_ALLOW = re.compile(
    r"\s*pgdeploy:\s*allow\s+(?P<rule>[\w-]+)(?:\s+until\s+(?P<until>\S+?))?(?::\s*(?P<reason>.*))?$"
)
_ADDS_VALUE = re.compile(
    r"ALTER\s+TYPE\s+(?P<type>\S+)\s+ADD\s+VALUE\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<value>'(?:[^']|'')*')",
    re.IGNORECASE,
)
_MAKES_TYPE = re.compile(r"CREATE\s+TYPE\s+(?P<type>\S+)\s+AS\s+ENUM", re.IGNORECASE)
_SHORTEST = 10
REHEARSED = frozenset(
    {"fails", "not-taken-back", "not-repeatable", "table-rewrite", "rows-lost", "unreached-table"}
)
"""Rules of the rehearsal, whose comments mean nothing before it."""


class MigrationAdvice(NamedTuple):
    """One piece of advice: the line of the project that it is about."""

    file: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.rule}: {self.message}"


def advice_of(
    spec: Spec, name: str, section: MigrationSpec, versions: tuple[str, ...] = ()
) -> Iterator[MigrationAdvice]:
    """All advice on one entry of `migrations:`, in the order of its revisions, without those that these versions have.

    Raises:
        TargetError: Alembic cannot read the scripts.
        MissingExtra: Alembic or squawk is not installed.
    """
    scripts = scripts_of(section)
    yield from _heads(scripts)
    revisions = scripts.pending(versions)
    rendered = sql_of(section, versions, [one.revision for one in revisions])
    for one in revisions:
        found = [*_of_file(one), *_of_sql(spec, name, section, one, rendered.get(one.revision))]
        yield from weighed(one.path, sorted(found, key=lambda item: item.line))


def has_way_down(one: Revision) -> bool:
    """Whether its file says how it is taken back."""
    return all(advice.rule != "no-downgrade" for advice in _of_file(one))


def _heads(scripts: Scripts) -> Iterator[MigrationAdvice]:
    if several := scripts.accidental_heads():
        last = next(one for one in reversed(scripts.revisions) if one.revision in several)
        message = f"the newest revisions are {listing(several)}: join them with alembic merge"
        yield MigrationAdvice(last.path, 1, "several-heads", message)


def _of_file(one: Revision) -> Iterator[MigrationAdvice]:
    if one.is_sql:
        if not one.has_down:
            yield MigrationAdvice(
                one.path, 1, "no-downgrade", "there is no way down: it cannot be taken back"
            )
        return
    tree = ast.parse(Path(one.path).read_text(encoding="utf-8"))
    downs = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "downgrade"]
    if not downs:
        yield MigrationAdvice(one.path, 1, "no-downgrade", "there is no downgrade(): it cannot be taken back")
    elif _is_empty(downs[0]) and not all(
        _is_empty(node) for node in tree.body if isinstance(node, ast.FunctionDef)
    ):
        message = "downgrade() does nothing, so what upgrade() made stays when it is taken back"
        yield MigrationAdvice(one.path, downs[0].lineno, "no-downgrade", message)


def _is_empty(function: ast.FunctionDef) -> bool:
    return all(
        isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        for node in function.body
    )


def _of_sql(
    spec: Spec, name: str, section: MigrationSpec, one: Revision, rendered: Rendered | None
) -> Iterator[MigrationAdvice]:
    if rendered is None:
        message = "asks the database while it runs, so its SQL cannot be shown or advised on"
        yield MigrationAdvice(one.path, 1, "not-offline", message)
        return
    for said in advice(rendered.sql, spec.postgres, section.path.parent):
        line = rendered.line_of(said.line)
        if line and said.rule not in _OURS_ANYWAY:
            yield MigrationAdvice(one.path, line, said.rule, f"{said.message} ({said.statement})")
    for value, at in _values_used(rendered.sql):
        message = (
            f"{value} was added to its type in this transaction, and cannot be used before that is committed"
        )
        yield MigrationAdvice(one.path, rendered.line_of(at), "enum-value-used", message)
    known = {*spec.roles, role_of(spec, name, section)}
    for role, at in roles_in(rendered.sql):
        if role not in known and not _BUILT_IN.fullmatch(role):
            message = f"role {quoted_name(role)} is not declared in the spec"
            yield MigrationAdvice(one.path, rendered.line_of(at), "undeclared-role", message)


def _values_used(sql: str) -> Iterator[tuple[str, int]]:
    """Values of enums that are used in the transaction that adds them, each with the line of the SQL.

    One of a type that the same transaction makes may be used: CREATE TYPE stands before it.
    """
    added: list[str] = []
    made: set[str] = set()
    for one in statements_of(sql):
        if one.begins or one.ends:
            added, made = [], set()
        elif (adding := _ADDS_VALUE.match(one.text)) is not None:
            added += [adding["value"]] if adding["type"].lower() not in made else []
        elif (making := _MAKES_TYPE.match(one.text)) is not None:
            made.add(making["type"].lower())
        elif used := [value for value in added if value in one.text]:
            yield used[0], sql.count("\n", 0, one.begin) + 1


# -- waivers -------------------------------------------------------------------------------------------


class _Allowed(NamedTuple):
    line: int
    rule: str
    wrong: str


def weighed(file: str, found: list[MigrationAdvice], *, unused: bool = True) -> Iterator[MigrationAdvice]:
    """Of one file what no comment allows; with `unused`, a comment that allows nothing or has ended is advice, too."""
    allowed = _allowed(Path(file))
    used: set[int] = set()
    for item in found:
        fitting = [by for by in allowed if by.rule == item.rule and by.line in (item.line, item.line - 1)]
        used |= {by.line for by in fitting}
        if not any(not by.wrong for by in fitting):
            yield item
    for by in allowed if unused else ():
        if by.rule not in REHEARSED and (by.wrong or by.line not in used):
            message = by.wrong or f"allows {by.rule}, which nothing here is advised against"
            yield MigrationAdvice(file, by.line, "allow", message)


def _allowed(file: Path) -> list[_Allowed]:
    said = ((line, _ALLOW.match(comment)) for line, comment in _comments(file))
    return [
        _Allowed(line, match["rule"], _wrong(match.groupdict())) for line, match in said if match is not None
    ]


def _comments(file: Path) -> Iterator[tuple[int, str]]:
    """Each with its line, without the mark that begins it."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".sql":
        for number, line in enumerate(text.splitlines(), 1):
            _, mark, comment = line.partition("--")
            if mark:
                yield number, comment
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#")


def _wrong(said: Mapping[str, str | None]) -> str:
    """Why a comment allows nothing, or an empty text."""
    if said["until"] is None or len(said["reason"] or "") < _SHORTEST:
        return "write `pgdeploy: allow RULE until YYYY-MM-DD: why`, with a reason of ten characters at least"
    try:
        until = date.fromisoformat(said["until"])
    except ValueError:
        return f"{said['until']} is no day; write YYYY-MM-DD"
    over = date.today() > until  # noqa: DTZ011 - a day of people
    return f"ended on {until}" if over else ""
