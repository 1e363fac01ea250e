"""What a user reads about data that the model refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.errors import SpecError
from pgdeploy.spec.compose import compose
from pgdeploy.spec.node import data
from pgdeploy.spec.problem import show
from pgdeploy.spec.validate import validate
from tests.spec.example import Example, load_text, problems

CASES = [
    (
        "roels: {}",
        "1:1: roels: unknown key; did you mean roles?; allowed: append, extends, grants, notes, roles, vars, window",
    ),
    (
        "roles:\n  app:\n    logn: true",
        "3:5: roles.app.logn: unknown key; did you mean login?; allowed: connection_limit, login, member_of, ",
    ),
    (
        "roles: {app: {login: yes}}",
        '1:22: roles.app.login: read "yes"; allowed: true or false (yes, no, on and off are text in YAML 1.2)',
    ),
    ("roles: {app: {login: null}}", "1:22: roles.app.login: read null; allowed: true or false"),
    ("roles: {app: {login: 1}}", "1:22: roles.app.login: read 1; allowed: true or false"),
    (
        "roles: {app: {connection_limit: -2}}",
        "1:33: roles.app.connection_limit: read -2; allowed: at least -1",
    ),
    (
        "roles: {app: {connection_limit: 1.5}}",
        "1:33: roles.app.connection_limit: read 1.5; allowed: a whole number",
    ),
    (
        "roles: {app: {connection_limit: '5'}}",
        '1:33: roles.app.connection_limit: read "5"; allowed: a whole number',
    ),
    ("roles: {app: {member_of: x}}", '1:26: roles.app.member_of: read "x"; allowed: a list'),
    ("roles: {app: {member_of: [x, 5]}}", "1:30: roles.app.member_of[1]: read 5; allowed: text (quote it)"),
    ("roles: {app: {member_of: {a: 1}}}", "1:15: roles.app.member_of: read a mapping; allowed: a list"),
    (
        "roles: {app: {valid_until: tomorrow}}",
        '1:28: roles.app.valid_until: read "tomorrow"; allowed: a date such as 2027-01-01',
    ),
    (
        "roles: {app: {valid_until: 2027-02-30}}",
        '1:28: roles.app.valid_until: read "2027-02-30"; allowed: a date',
    ),
    ("roles: {app: {valid_until: 20270101}}", "1:28: roles.app.valid_until: read 20270101; allowed: a date"),
    ("roles: [a]", "1:1: roles: read a list; allowed: a mapping (key: value)"),
    ("roles: {app: x}", '1:14: roles.app: read "x"; allowed: a mapping (key: value)'),
    (
        f"roles: {{{'é' * 32}: {{}}}}",
        f'1:9: roles.{"é" * 32}: read "{"é" * 32}"; a name of 64 bytes in UTF-8;',
    ),
    ("roles: {'': {}}", '1:9: roles."": read ""; a name of 0 bytes in UTF-8; allowed: 1 to 63 bytes'),
    # unions: one line for what was meant
    (
        "roles: {app: {settings: {work_mem: [1]}}}",
        "1:26: roles.app.settings.work_mem: read a list; allowed: text, or a whole number, or true or false",
    ),
    (
        "grants: [{privilege: select, to: a, on: {table: a, colums: [b]}}]",
        "1:52: grants[0].on.colums: unknown key; did",
    ),
    (
        "grants: [{privilege: select, to: a, on: {sequence: 5}}]",
        "1:52: grants[0].on.sequence: read 5; allowed: text",
    ),
    (
        "grants: [{privilege: select, to: a, on: evrything}]",
        "1:41: grants[0].on: read \"evrything\"; allowed: a mapping (key: value), or 'everything'; did you mean",
    ),
    (
        "grants: [{privilege: slect, to: a, on: everything}]",
        "1:22: grants[0].privilege: read \"slect\"; allowed: 'select', 'insert' or 'update'; did you mean select?",
    ),
    ("grants: [{privilege: select, on: everything}]", "1:10: grants[0].to: this key is required and missing"),
    (
        "grants: [{privilege: select, on: everything, to: a, ratio: 1}]",
        "1:60: grants[0].ratio: read 1; a ratio of one says nothing; leave it out",
    ),
    ("window: {low: 2, high: 1}", "1:1: window: read a mapping; low is above high"),
    ('notes: ["a\\x1b\\n", 5]', "1:20: notes[1]: read 5"),
]


@pytest.mark.parametrize(("text", "said"), CASES, ids=[text[:40] for text, _ in CASES])
def test_one_line_says_it_all(tmp_path: Path, text: str, said: str) -> None:
    (line,) = problems(tmp_path, text)
    assert line.startswith(f"spec.yaml:{said}")


@pytest.mark.parametrize(
    "text",
    [
        "roles: {app: {password: hunter2}}",
        "roles: {app: {password: [hunter2]}}",
        "roles: {app: {password: {text: hunter2}}}",
        "roles: {app: {password: {env: [hunter2]}}}",
        "roles: {app: {password: {hunter2: x}}}",
        "roles: {app: {pasword: hunter2}}",
        "roles: {app: {passwort: {hunter2: 1}}}",
        "roles: {app: {password: *hunter2}}",
        "roles: {app: {password: !hunter2}}",
        "roles: {app: {password: !hunter2!x y}}",
        "roles: {app: {password: @hunter2}}",
        "roles:\n  app:\n    password: hunter2: x",
        "roles:\n  app:\n    password: 'hunter2",
        "roles:\n  app:\n    password: |hunter2\n",
        "roles:\n  app:\n    password: &hunter2\n     *hunter2\n",
    ],
)
def test_a_secret_is_never_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(SpecError) as caught:
        load_text(tmp_path, text)
    assert "hunter2" not in str(caught.value)
    # Nor in what a traceback would show with it.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


@given(st.text() | st.integers() | st.floats() | st.lists(st.text()) | st.none() | st.booleans())
def test_what_was_read_is_short_and_one_line(value: object) -> None:
    assert show(value).isprintable()
    assert len(show(value)) < 800


def test_the_root_has_words_too() -> None:
    found = validate(data(compose("{}", "f").root), Example, lambda spec: ())
    assert found.problems == []
    assert found.value == Example()
