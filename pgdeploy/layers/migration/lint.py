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

from pgdeploy.layers.migration.alembic import place_of, role_of, scripts_of
from pgdeploy.layers.migration.plan import sql_of
from pgdeploy.layers.migration.squawk import advice, roles_in
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
    r"#\s*pgdeploy:\s*allow\s+(?P<rule>[\w-]+)(?:\s+until\s+(?P<until>\S+?))?(?::\s*(?P<reason>.*))?$"
)
_SHORTEST = 10
REHEARSED = frozenset({"fails", "not-taken-back", "not-repeatable", "table-rewrite", "unreached-table"})
"""Rules of the rehearsal, whose comments mean nothing before it."""


class MigrationAdvice(NamedTuple):
    """One piece of advice: the line of the project that it is about."""

    file: str
    line: int
    rule: str
    message: str


def advice_of(spec: Spec, name: str, section: MigrationSpec) -> Iterator[MigrationAdvice]:
    """All advice on one entry of `migrations:`, in the order of its revisions.

    Raises:
        TargetError: Alembic cannot read the scripts.
        MissingExtra: Alembic or squawk is not installed.
    """
    scripts = scripts_of(section)
    yield from _heads(scripts)
    rendered = sql_of(section, (), [one.revision for one in scripts.revisions])
    for one in scripts.revisions:
        found = [*_of_file(one), *_of_sql(spec, name, section, one, rendered.get(one.revision))]
        yield from weighed(one, sorted(found, key=lambda item: item.line))


def _heads(scripts: Scripts) -> Iterator[MigrationAdvice]:
    if several := scripts.accidental_heads():
        last = next(one for one in reversed(scripts.revisions) if one.revision in several)
        message = f"the newest revisions are {listing(several)}: join them with alembic merge"
        yield MigrationAdvice(last.path, 1, "several-heads", message)


def _of_file(one: Revision) -> Iterator[MigrationAdvice]:
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
    for said in advice(rendered.sql, spec.postgres, place_of(section).parent):
        line = rendered.line_of(said.line)
        if line and said.rule not in _OURS_ANYWAY:
            yield MigrationAdvice(one.path, line, said.rule, f"{said.message} ({said.statement})")
    known = {*spec.roles, role_of(spec, name, section)}
    for role, at in roles_in(rendered.sql):
        if role not in known and not _BUILT_IN.fullmatch(role):
            message = f"role {quoted_name(role)} is not declared in the spec"
            yield MigrationAdvice(one.path, rendered.line_of(at), "undeclared-role", message)


# -- waivers -------------------------------------------------------------------------------------------


class _Allowed(NamedTuple):
    line: int
    rule: str
    wrong: str


def weighed(one: Revision, found: list[MigrationAdvice], *, unused: bool = True) -> Iterator[MigrationAdvice]:
    """Without what comments allow; a comment that allows nothing, or not any more, is advice itself where `unused`."""
    allowed = _allowed(Path(one.path).read_text(encoding="utf-8"))
    used: set[int] = set()
    for item in found:
        fitting = [by for by in allowed if by.rule == item.rule and by.line in (item.line, item.line - 1)]
        used |= {by.line for by in fitting}
        if not any(not by.wrong for by in fitting):
            yield item
    for by in allowed if unused else ():
        if by.rule not in REHEARSED and (by.wrong or by.line not in used):
            message = by.wrong or f"allows {by.rule}, which nothing here is advised against"
            yield MigrationAdvice(one.path, by.line, "allow", message)


def _allowed(text: str) -> list[_Allowed]:
    comments = (
        (token.start[0], _ALLOW.match(token.string))
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    )
    return [
        _Allowed(line, said["rule"], _wrong(said.groupdict())) for line, said in comments if said is not None
    ]


def _wrong(said: Mapping[str, str | None]) -> str:
    """Why a comment allows nothing, or an empty text."""
    if said["until"] is None or len(said["reason"] or "") < _SHORTEST:
        return (
            "write `# pgdeploy: allow RULE until YYYY-MM-DD: why`, with a reason of ten characters at least"
        )
    try:
        until = date.fromisoformat(said["until"])
    except ValueError:
        return f"{said['until']} is no day; write YYYY-MM-DD"
    over = date.today() > until  # noqa: DTZ011 - a day of people
    return f"ended on {until}" if over else ""
