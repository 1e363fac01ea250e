"""A secret that is a hash already: PostgreSQL itself says what it takes for one and stores as it is."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.errors import SecretError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret.reference import Secret, is_verifier, matches, verifier
from pgdeploy.secret.scram import is_verifier as looks_like_verifier

SALT, KEY = b64encode(b"s" * 16).decode(), b64encode(b"k" * 32).decode()
VERIFIER = f"SCRAM-SHA-256$4096:{SALT}${KEY}:{KEY}"
MD5 = "md5" + "0123456789abcdef" * 2
SPEC = """\
postgres: 16
undeclared: {roles: ignore, databases: ignore}
roles:
  verified: {login: true, password: {env: VERIFIED}}
"""

_parts = st.sampled_from(
    ["SCRAM-SHA-256", "$", ":", "4096", "0", "+1", " 7", "", SALT, KEY, "abc", "=", KEY[:-1], "\n"]
)
nearly = st.one_of(
    st.lists(_parts, min_size=1, max_size=9).map("".join),
    st.tuples(st.integers(0, len(VERIFIER) - 1), st.sampled_from("$:=aZ+ \n")).map(
        lambda at: VERIFIER[: at[0]] + at[1] + VERIFIER[at[0] + 1 :]
    ),
    st.integers(1, len(VERIFIER)).map(lambda end: VERIFIER[:end]),
).filter(str.strip)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=100)
@given(secret=nearly)
def test_a_verifier_is_what_postgresql_takes_for_one(server16: Cluster, secret: str) -> None:
    with server16.open() as connection:
        connection.execute("SET scram_iterations = 1")
        connection.execute("BEGIN")
        connection.execute(sql.SQL("CREATE ROLE verified PASSWORD {}").format(sql.Literal(secret)))
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'verified'").fetchone()
        connection.execute("ROLLBACK")
    assert row is not None
    assert looks_like_verifier(secret) == (row[0] == secret)


def test_a_verifier_matches_itself_and_nothing_else() -> None:
    made = verifier(Secret("correct horse"))
    assert is_verifier(Secret(made))
    assert verifier(Secret(made)) == made
    assert matches(Secret(made), made, "app")
    assert not matches(Secret(made), verifier(Secret("correct horse")), "app")


def test_an_md5_hash_is_refused_with_the_reason_and_not_shown() -> None:
    for question in (is_verifier, verifier, lambda secret: matches(secret, VERIFIER, "app")):
        with pytest.raises(SecretError, match=r"md5 hash.*give the password itself") as refused:
            question(Secret(MD5))
        assert MD5 not in str(refused.value)
    assert not is_verifier(Secret(MD5.upper())), "to PostgreSQL this is a password"


@pytest.fixture
def target(tmp_path: Path) -> Target:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC)
    return load_target(file)


def test_a_verifier_is_stored_and_its_login_cannot_be_tried(
    server16: Cluster, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = verifier(Secret("correct horse"))
    monkeypatch.setenv("VERIFIED", made)
    try:
        apply(plan(target.spec, target.resources, target.read(server16)), server16)
        facts = target.read(server16)
        verdicts = {check.id: evaluate(check, facts) for check in (*target.checks, *target.probes)}
        assert verdicts["role[verified].password"].verdict is Verdict.CONFORMS
        tried = verdicts["role[verified].logs_in"]
        assert tried.verdict is Verdict.INAPPLICABLE
        assert "SCRAM verifier" in tried.reason
        server16.open(user="verified", password=Secret("correct horse")).close()
    finally:
        with server16.open() as connection:
            connection.execute("DROP ROLE IF EXISTS verified")
