"""What only the whole spec shows, and the server would refuse: said offline, at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.target import load_target

BASE = (
    "postgres: 16\nroles:\n  app: {{{role}}}\n"
    "hba:\n  - {{type: {type}, database: all, user: all{address}, method: {method}}}\n"
)


def text(role: str = "", type: str = "local", address: str = "", method: str = "peer") -> str:
    return BASE.format(role=role, type=type, address=address, method=method)


REFUSED = [
    (text(role="member_of: [pg_read_all_dat]"), "did you mean pg_read_all_data?"),
    (text(role="member_of: [pg_maintain]"), "not a predefined role of PostgreSQL 16"),
    (text(method="oauth"), "oauth needs PostgreSQL 18"),
    (text(type="host", address=", address: all"), "peer is for rules of type local"),
    (text(type="host", address=", address: all", method="cert"), "cert is for rules of type hostssl"),
    (text() + "databases: {template0: {}}\n", "template0 accepts no connections"),
    (
        text() + "databases: {shop: {encoding: utf-16}}\n",
        "read utf-16, which no database can have; allowed: UTF8",
    ),
    (text() + "databases: {shop: {encoding: shift_jis}}\n", "read shift_jis, which no database can have"),
    (
        text().replace("16", "17") + "databases: {shop: {locale_provider: builtin, locale: en_US}}\n",
        "read en_US, which is no builtin locale; allowed: C, C.UTF-8, C.UTF8",
    ),
    (
        text() + "databases: {a: {encoding: UTF8}, b: {from_template: a, encoding: latin1}}\n",
        "a copy of a has its encoding",
    ),
    (
        text()
        + "databases: {a: {ownership: [{on: {schema: public, function: f, arguments: ['int[']}, owner: app}]}}\n",
        "which is no list of arguments; allowed: types",
    ),
]


@pytest.mark.parametrize(("spec", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_refused_with_its_place(spec: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(spec)
    with pytest.raises(SpecError) as refused:
        load_target(file)
    (line,) = refused.value.problems
    assert says in line
    assert line.startswith(f"{file}:")


def test_the_base_itself_loads(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(text(role="member_of: [pg_read_all_data]"))
    assert load_target(file).checks


def test_a_copy_may_spell_what_its_template_says_otherwise(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    copy = "{from_template: a, encoding: utf-8, lc_collate: POSIX}"
    file.write_text(text() + f"databases: {{a: {{encoding: UTF8, lc_collate: C}}, b: {copy}}}\n")
    assert load_target(file).checks
