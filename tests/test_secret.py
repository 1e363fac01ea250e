"""Secrets: what a spec may say of them, what is read, what is shown, and the hashes PostgreSQL takes."""

from __future__ import annotations

import copy
import json
import pickle
import sys
from base64 import b64decode
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from pydantic import BaseModel, ValidationError

from pgdeploy.errors import SecretError, TargetError
from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret import reference as module
from pgdeploy.secret.reference import (
    MASK,
    SECRET_TEXT,
    Secret,
    SecretRef,
    is_scram,
    mask,
    mask_hashes,
    matches,
    verifier,
)
from pgdeploy.secret.scram import prepare

CANARY = "hunter2-canary"

# RFC 7677's example: user "user", password "pencil"
RFC_SALT = b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
RFC_VERIFIER = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)

TRICKY = [
    "plain",
    "with spaces  and 'quotes' \\ %s",
    "tab\tand bell\a",
    "gr\u00fc\u00df dich",
    "soft\u00adhyphen\u00e9",
    "\u00ad",
    "no-break\u00a0space",
    "zero\u200bwidth",
    "decomposed e\u0301",
    "ligature \ufb01 circled \u2460 Kelvin \u212a",
    "\u05d0 right to left",
    "\u05d0\u05d1\u05d0",
    "unassigned in Unicode 3.2: \U0001f600",
    "SCRAM-SHA-256$4096:looks like one",
    "x" * 2000,
]

# The server takes such a text for a hash, which is one more reason to make the verifiers here.
passwords = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20
) | st.text("a \u00ad\u00a0\u00e9e\u0301\ufb01\u05d0\u200b\u2460\u0221", min_size=1, max_size=6)


around = st.text(st.characters(exclude_characters="*"), max_size=20)


class Holder(BaseModel):
    password: SecretRef


# -- references --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "described"),
    [
        ({"env": "PG01_PASSWORD"}, "env PG01_PASSWORD"),
        ({"file": "/run/secrets/app"}, "file /run/secrets/app"),
        ({"command": ["pass", "show", CANARY]}, "command pass"),
    ],
)
def test_a_reference_says_where_the_secret_is(written: object, described: str) -> None:
    ref = Holder.model_validate({"password": written}).password
    assert ref.describe() == described
    assert Holder.model_validate(Holder(password=ref).model_dump()).password == ref
    assert hash(ref) == hash(ref.model_copy())


@pytest.mark.parametrize(
    "written",
    [
        CANARY,
        CANARY.encode(),
        [CANARY],
        {"text": CANARY},
        {CANARY: None},
        {"env": "X", "password": CANARY},
        {"env": "X", "file": CANARY},
        {"env": CANARY},
        {"env": [CANARY]},
        {"file": {"path": CANARY}},
        {"command": CANARY},
        {"command": [CANARY, 5]},
        {"command": []},
        {"env": ""},
        {"env": None},
        {},
        5,
    ],
)
def test_a_bad_reference_is_refused_and_never_shown(written: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"password": written})
    [error] = caught.value.errors()
    assert (error["type"], error["loc"]) == (SECRET_TEXT, ("password",))
    assert CANARY not in f"{caught.value}{caught.value!r}{caught.value.errors()}"


def test_text_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(ValidationError, match=r"a password is a reference, never text: \{env: NAME\}"):
        Holder.model_validate({"password": CANARY})


@given(
    st.recursive(
        st.none() | st.text() | st.integers(), lambda more: st.lists(more) | st.dictionaries(st.text(), more)
    )
)
def test_anything_else_than_a_reference_is_one_error(written: object) -> None:
    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"password": {"password": CANARY, "more": written}})
    assert [error["type"] for error in caught.value.errors()] == [SECRET_TEXT]


def test_the_json_schema_asks_for_exactly_one_form() -> None:
    schema = SecretRef.model_json_schema()
    assert set(schema["properties"]) == {"env", "file", "command"}
    assert (schema["minProperties"], schema["maxProperties"], schema["additionalProperties"]) == (1, 1, False)
    assert "null" not in json.dumps(schema)


# -- reading -----------------------------------------------------------------------------------------


def script(code: str) -> SecretRef:
    return SecretRef(command=(sys.executable, "-c", code))


def test_read_from_env(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG01_PASSWORD", CANARY + "\n")
    assert SecretRef(env="PG01_PASSWORD").read().reveal() == CANARY + "\n"


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("s", "s"),
        ("s\n", "s"),
        ("s\n\n", "s\n"),
        ("s\r\n", "s"),
        (" s ", " s "),
        ("s\r", "s\r"),
        ("gr\u00fc\u00df\n", "gr\u00fc\u00df"),
    ],
)
def test_one_newline_at_the_end_is_no_part_of_the_secret(tmp_path: Path, written: str, secret: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(written.encode())
    assert SecretRef(file=str(file)).read() == Secret(secret)
    code = f"import sys; sys.stdout.buffer.write({written.encode()!r})"
    assert script(code).read() == Secret(secret)


def test_a_home_directory_is_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text(CANARY)
    assert SecretRef(file="~/secret").read() == Secret(CANARY)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (CANARY.encode() + b"\0", "NUL"),
        (CANARY.encode() + b"\xff", "not UTF-8"),
        (CANARY.encode() * 6000, "longer than 65535 bytes"),
    ],
)
def test_what_postgresql_cannot_use_is_refused(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretError, match=why) as caught:
        SecretRef(file=str(file)).read()
    assert str(caught.value).startswith(f"secret file {file}: ")
    assert CANARY not in str(caught.value)


def test_missing_sources_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PG01_PASSWORD", raising=False)
    with pytest.raises(SecretError, match="secret env PG01_PASSWORD: is not set"):
        SecretRef(env="PG01_PASSWORD").read()
    with pytest.raises(SecretError, match="cannot be read: No such file"):
        SecretRef(file=str(tmp_path / "none")).read()
    with pytest.raises(SecretError, match="cannot be read: Is a directory"):
        SecretRef(file=str(tmp_path)).read()
    with pytest.raises(SecretError, match="cannot be run: No such file"):
        SecretRef(command=(str(tmp_path / "none"),)).read()


def test_an_empty_or_undecodable_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PG01_PASSWORD", "")
    with pytest.raises(SecretError, match="is empty"):
        SecretRef(env="PG01_PASSWORD").read()
    monkeypatch.setenv("PG01_PASSWORD", "a\udcff")
    with pytest.raises(SecretError, match="not UTF-8"):
        SecretRef(env="PG01_PASSWORD").read()


def test_a_failing_command_shows_none_of_its_output() -> None:
    with pytest.raises(SecretError, match="failed with exit status 3") as caught:
        script(f"import sys; print('{CANARY}'); print('{CANARY}', file=sys.stderr); sys.exit(3)").read()
    assert CANARY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_command_that_hangs_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "COMMAND_TIMEOUT", 0.3)
    with pytest.raises(SecretError, match=r"gave nothing within 0\.3 s") as caught:
        script(f"import time; print('{CANARY}', flush=True); time.sleep(60)").read()
    assert CANARY not in str(caught.value)
    assert caught.value.__suppress_context__


# -- showing -----------------------------------------------------------------------------------------


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret(CANARY)
    shown = f"{secret} {secret!r} {secret!s} {secret:>20} {[secret]} {copy.deepcopy(secret)} {vars(module)}"
    assert CANARY not in shown
    assert secret.reveal() == CANARY
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)
    assert not hasattr(secret, "__dict__")


def test_secrets_are_equal_by_value() -> None:
    assert Secret(CANARY) == Secret(CANARY)
    assert len({Secret(CANARY), Secret(CANARY), Secret("other")}) == 2
    assert Secret(CANARY) != CANARY


def test_an_unusable_value_is_no_secret() -> None:
    for value in ("", "a\0b", "\ud800"):
        with pytest.raises(SecretError):
            Secret(value)


@given(passwords, around, around)
def test_mask_leaves_no_spelling_of_the_secret(value: str, before: str, after: str) -> None:
    secret = Secret(value)
    for spelling in (value, value.replace("'", "''"), json.dumps(value)[1:-1], repr(value)[1:-1]):
        masked = mask(f"{before}{spelling}{after}", [secret])
        assert MASK in masked
        assert not any(value in rest for rest in masked.split(MASK))


def test_mask_replaces_the_longest_secret_and_does_not_mask_masks() -> None:
    assert (
        mask("pass password *", [Secret("pass"), Secret("password"), Secret("*")]) == f"{MASK} {MASK} {MASK}"
    )
    assert mask("nothing", []) == "nothing"


@pytest.mark.parametrize(
    "spelling",
    ["o''b\"c&d/e", "o'b\\\"c&d/e", "o\\'b\"c&d/e", "o'b\"c&amp;d/e", "o%27b%22c%26d%2Fe", "o%27b%22c%26d/e"],
)
def test_mask_knows_how_sql_json_xml_and_urls_spell(spelling: str) -> None:
    assert mask(f"<{spelling}>", [Secret("o'b\"c&d/e")]) == f"<{MASK}>"


@given(passwords)
def test_no_hash_survives_mask_hashes(value: str) -> None:
    made = verifier(Secret(value), iterations=1)
    assert mask_hashes(f"PASSWORD '{made}';") == f"PASSWORD 'SCRAM-SHA-256${MASK}';"
    assert mask_hashes(made[:40]) == f"SCRAM-SHA-256${MASK}"
    assert mask_hashes("md5" + 32 * "a") == f"md5{MASK}"


# -- hashes ------------------------------------------------------------------------------------------


def test_the_verifier_of_the_rfc() -> None:
    assert verifier(Secret("pencil"), salt=RFC_SALT) == RFC_VERIFIER
    assert matches(Secret("pencil"), RFC_VERIFIER, "user")
    assert not matches(Secret("pencils"), RFC_VERIFIER, "user")


@given(passwords, passwords, st.binary(min_size=1, max_size=32), st.integers(1, 3))
def test_a_verifier_matches_its_own_secret_only(value: str, other: str, salt: bytes, iterations: int) -> None:
    made = verifier(Secret(value), salt=salt, iterations=iterations)
    assert is_scram(made)
    assert matches(Secret(value), made, "anyone")
    assert matches(Secret(other), made, "anyone") == (prepare(other) == prepare(value))


def test_each_verifier_has_a_salt_of_its_own() -> None:
    assert verifier(Secret(CANARY)) != verifier(Secret(CANARY))


@pytest.mark.parametrize(
    "stored",
    [
        "",
        "md5",
        "md5xyz",
        CANARY,
        "SCRAM-SHA-256$0:YQ==$YQ==:YQ==",
        "SCRAM-SHA-256$1:YQ$YQ==:YQ==",
        RFC_VERIFIER + " ",
    ],
)
def test_what_is_no_hash_matches_nothing(stored: str) -> None:
    assert not matches(Secret(CANARY), stored, "app")


# -- a real server -----------------------------------------------------------------------------------


def encrypted_by_libpq(connection: psycopg.Connection[tuple[object, ...]], password: str, kind: str) -> str:
    return connection.pgconn.encrypt_password(password.encode(), b"app", kind.encode()).decode()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(password=passwords)
def test_libpq_agrees(server16: Cluster, password: str) -> None:
    with server16.open() as connection:
        connection.execute("SET scram_iterations = 1")
        stored = encrypted_by_libpq(connection, password, "scram-sha-256")
        assert matches(Secret(password), stored, "app")
        assert matches(Secret(password), encrypted_by_libpq(connection, password, "md5"), "app")
        assert not matches(Secret(password), encrypted_by_libpq(connection, password, "md5"), "other")


@pytest.mark.parametrize("password", TRICKY)
def test_the_verifier_logs_in(server16: Cluster, password: str) -> None:
    made = verifier(Secret(password))
    with server16.open() as admin:
        admin.execute("DROP ROLE IF EXISTS secret_login")
        admin.execute(sql.SQL("CREATE ROLE secret_login LOGIN PASSWORD {}").format(sql.Literal(made)))
        stored = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'secret_login'").fetchone()
        assert stored == (made,)
        with server16.open(user="secret_login", password=Secret(password)) as session:
            assert session.execute("SELECT current_user").fetchone() == ("secret_login",)
        with pytest.raises(TargetError, match="password authentication failed"):
            server16.open(user="secret_login", password=Secret("wrong")).close()
        admin.execute("DROP ROLE secret_login")


@pytest.mark.parametrize("password", TRICKY)
def test_what_the_server_hashes_itself_matches(server16: Cluster, password: str) -> None:
    with server16.open() as admin:
        admin.execute("DROP ROLE IF EXISTS secret_hashed")
        admin.execute(sql.SQL("CREATE ROLE secret_hashed PASSWORD {}").format(sql.Literal(password)))
        row = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'secret_hashed'").fetchone()
        admin.execute("DROP ROLE secret_hashed")
    assert row is not None
    assert matches(Secret(password), str(row[0]), "secret_hashed")
