"""postgresql.conf and pg_hba.conf, read back by real servers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import chain
from typing import TypeAlias

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.layers.server.hba import render
from pgdeploy.model.hba import HbaRuleSpec
from pgdeploy.postgres import hba_text, pg_hba, postgresql_conf
from pgdeploy.reach.embedded import Cluster
from tests.format.texts import law, takes, text

Connection: TypeAlias = psycopg.Connection[tuple[object, ...]]


@pytest.fixture(scope="module", params=["server14", "server16", "server18"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[Cluster, Connection]]:
    """A server, and a session that reads its files; they are as they were afterwards."""
    cluster: Cluster = request.getfixturevalue(request.param)
    kept = {name: (cluster.data / name).read_bytes() for name in ("postgresql.conf", "pg_hba.conf")}
    loaded = "SELECT pg_conf_load_time()"
    with cluster.open() as connection:
        yield cluster, connection
        for name, content in kept.items():
            (cluster.data / name).write_bytes(content)
        # whole seconds: what is loaded in the second of its change is not known to be newer
        time.sleep(1)
        before = connection.execute(loaded).fetchone()
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute(loaded).fetchone() == before:
            time.sleep(0.02)


def write(cluster: Cluster, name: str, content: str) -> None:
    (cluster.data / name).write_text(content, encoding="utf-8", newline="")


names = st.lists(text.filter(takes(pg_hba.name)), min_size=1, max_size=3).map(tuple)
values = text.filter(takes(pg_hba.quoted))
addresses = st.sampled_from(["all", "samenet", "10.0.0.0/8", "fd00::/8", "db_1.example.org", ".example.org"])
rules = st.one_of(
    st.builds(lambda d, u, o: {"type": "local", "database": d, "user": u, "method": "peer", "options": {"map": o}},
              names, names, values),
    st.builds(lambda d, u, a: {"type": "host", "database": d, "user": u, "address": a, "method": "reject"},
              names, names, addresses),
)  # fmt: skip


@law
@given(written=st.lists(rules, min_size=1, max_size=12))
def test_the_server_reads_the_rules_of_the_spec(
    server: tuple[Cluster, Connection], written: list[dict[str, object]]
) -> None:
    cluster, connection = server
    declared = [HbaRuleSpec.model_validate(rule) for rule in written]
    write(cluster, "pg_hba.conf", render(declared, reveal=True))
    read = connection.execute(
        "SELECT type, database, user_name, auth_method, options, error FROM pg_hba_file_rules ORDER BY line_number"
    ).fetchall()
    wanted = [
        (rule.type, list(rule.database), list(rule.user), rule.method, options_of(rule), None)
        for rule in declared
    ]
    # from 16 a name that begins with a slash is a regular expression, which may be a wrong one
    fine = [
        (row, want) for row, want in zip(read, wanted, strict=True) if "regular expression" not in str(row[5])
    ]
    assert [row for row, _ in fine] == [want for _, want in fine]


def options_of(rule: HbaRuleSpec) -> list[str] | None:
    return [f"{key}={value}" for key, value in rule.options.items()] or None


marks = st.text('ab+@", \t\r#\\', max_size=9)
ends = st.sampled_from(["", " ", "\\", "\r", " # x", ' map="a b"'])
lines = st.builds("local {} {} peer{}".format, marks, marks, ends)


@law
@given(written=st.lists(st.one_of(lines, marks), min_size=1, max_size=40))
def test_the_words_of_a_file_are_those_that_the_server_reads(
    server: tuple[Cluster, Connection], written: list[str]
) -> None:
    cluster, connection = server
    content = "\n".join(written)
    write(cluster, "pg_hba.conf", content)
    read = connection.execute(
        "SELECT line_number, database, user_name, options, error FROM pg_hba_file_rules ORDER BY line_number"
    ).fetchall()
    ours = list(hba_text.lines(content))
    assert [row[0] for row in read] == [line.number for line in ours]
    words = [[[word.text for word in field] for field in line.fields] for line in ours]
    rules = [(row, fields) for row, fields in zip(read, words, strict=True) if row[4] is None]
    assert [fields[1:3] for _, fields in rules] == [list(row[1:3]) for row, _ in rules]
    assert [[*chain(*fields[4:])] or None for _, fields in rules] == [row[3] for row, _ in rules]


settings_names = st.from_regex(r"plpgsql\.[A-Za-z_ü][A-Za-z0-9_ü]{0,8}", fullmatch=True)


@law
@given(
    written=st.dictionaries(
        settings_names, text.filter(takes(postgresql_conf.quoted)), min_size=1, max_size=20
    )
)
def test_the_server_reads_the_settings_of_the_spec(
    server: tuple[Cluster, Connection], written: dict[str, str]
) -> None:
    cluster, connection = server
    lines = "".join(postgresql_conf.line(name, value) for name, value in written.items())
    write(cluster, "postgresql.conf", lines)
    read = connection.execute(
        "SELECT name, setting, error FROM pg_file_settings WHERE sourcefile LIKE '%%/postgresql.conf' ORDER BY seqno",
        [],
    ).fetchall()
    assert read == [(name, value, None) for name, value in written.items()]


@law
@given(name=st.one_of(text, st.from_regex(r"[a-zü0-9_$.-]{1,9}", fullmatch=True)))
def test_a_name_that_is_taken_is_one_that_the_server_reads(
    server: tuple[Cluster, Connection], name: str
) -> None:
    cluster, connection = server
    if "." not in name or not takes(postgresql_conf.checked_name)(name):
        return
    write(cluster, "postgresql.conf", postgresql_conf.line(name, "x"))
    read = connection.execute(
        "SELECT name FROM pg_file_settings WHERE sourcefile NOT LIKE '%%.auto.conf'"
    ).fetchall()
    assert read == [(name,)]
