"""All SQL of the packages, read: who opens sessions, who sets search_path, and that each name is PostgreSQL's own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster

ROOT = Path(__file__).parents[2]
PACKAGES = ("pgdeploy", "plugin", "pyinfra_deploys")
FILES = [file for package in PACKAGES for file in sorted((ROOT / package).rglob("*.py"))]

OPENS = {
    # a login that is closed at once, without a statement
    "pgdeploy/layers/host/outside.py": "psycopg.connect",
    # the console of a PgBouncer, which has no search_path and nothing that somebody could preset
    "pgdeploy/lifecycle/release/maintenance.py": "psycopg.connect",
    "pgdeploy/reach/session.py": "psycopg.connect",
}
SETS_SEARCH_PATH = {
    "pgdeploy/reach/session.py",
    # around CREATE EXTENSION; and at the head of a plan that is printed for psql
    "pgdeploy/layers/server/apply.py",
    "pgdeploy/report/plan.py",
    # fixtures of a rehearsal, on a server to throw away
    "pgdeploy/layers/migration/rows.py",
}

_QUERY = re.compile(r"\s*(--[^\n]*\n\s*)*(SELECT|WITH|TABLE|VALUES)\b(?=.*\s)", re.DOTALL)
_SYNTAX = frozenset(
    """
    all and any array as by case coalesce else exists extract filter from greatest in join lateral least not nullif on
    operator or over select some then using values when where with
    """.split()  # noqa: SIM905 - words, not code
)
_STRINGS = re.compile(r"'(?:[^']|'')*'|--[^\n]*|\"[^\"]*\"|%%|%\(\w+\)s|%s|\{[^{}]*\}")
_NO_RELATION = re.compile(r"DISTINCT FROM|(?<=extract\()\w+ FROM")
_CALL = re.compile(r"(?<![\w.])([a-z_][a-z_0-9]*(?:\.[a-z_0-9]+)?)\s*\(")
_RELATION = re.compile(r"\b(?:FROM|JOIN)\s+(?:LATERAL\s+)?([a-z_][a-z_0-9.]*)(\s*\()?")
_OWN = re.compile(r"\b([a-z_][a-z_0-9]*)(?:\([^()]*\))?\s+AS\s+(?:MATERIALIZED\s+)?\(", re.IGNORECASE)
_ALIAS = re.compile(r"\bAS\s+([a-z_][a-z_0-9]*)\s*\(", re.IGNORECASE)


def _where(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _texts(file: Path) -> Iterator[tuple[int, str]]:
    """String literals, those of an f-string with `{}` for what is put in; docstrings are prose."""
    tree = ast.parse(file.read_text())
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            inside |= set(node.values)
            parts = (part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inside:
            yield node.lineno, node.value


def _queries() -> Iterator[tuple[str, str]]:
    for file in FILES:
        for line, text in _texts(file):
            if _QUERY.match(text) and text.lstrip("-\n ").split()[0].isupper() and len(text.split()) > 1:
                yield f"{_where(file)}:{line}", text
    for file in sorted((ROOT / "pgdeploy").rglob("*.sql")):
        yield _where(file), file.read_text()


def test_sessions_are_opened_in_one_place() -> None:
    found = {
        _where(file): match.group()
        for file in FILES
        if (
            match := re.search(
                r"psycopg\.connect|AsyncConnection|PGconn\.connect|Connection\.connect", file.read_text()
            )
        )
    }
    assert found == OPENS


def test_nobody_else_sets_search_path() -> None:
    sets = re.compile(r"(SET|set_config)[^\n]*search_path|search_path\s*=\s*[\"'{]|\"search_path\": SEARCH")
    found = {_where(file) for file in FILES if sets.search(file.read_text())}
    assert found == SETS_SEARCH_PATH


@pytest.fixture(scope="module")
def names(request: pytest.FixtureRequest) -> dict[str, set[str]]:
    """What pg_catalog of the newest PostgreSQL has, and of the oldest."""
    found: dict[str, set[str]] = {"functions": set(), "relations": set()}
    for server in ("server14", "server16", "server18"):
        cluster: Cluster = request.getfixturevalue(server)
        with cluster.open() as connection:
            for kind, query in {
                "functions": "SELECT proname::text FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace",
                "relations": "SELECT relname::text FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace",
            }.items():
                found[kind] |= {str(row[0]) for row in connection.execute(query).fetchall()}
    return found


def test_every_name_is_postgresqls_own(names: dict[str, set[str]]) -> None:
    wrong: list[str] = []
    queries = list(_queries())
    assert len(queries) > 40
    for where, query in queries:
        text = _NO_RELATION.sub(" ", _STRINGS.sub(" ", query))
        own = {name.lower() for name in _OWN.findall(text) + _ALIAS.findall(text)}
        for relation, call in _RELATION.findall(text):
            name = relation.removeprefix("pg_catalog.")
            # nothing where a name of ours is put in
            if name and not call and name not in names["relations"] and name not in own:
                wrong.append(f"{where}: relation {relation}")
        for function in _CALL.findall(text.lower()):
            name = function.removeprefix("pg_catalog.")
            if name not in names["functions"] and name not in own | _SYNTAX:
                wrong.append(f"{where}: function {function}")
    assert sorted(set(wrong)) == []
