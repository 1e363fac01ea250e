"""Connection strings: what libpq makes of them we make of them, and no part of a password is ever said."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from pgdeploy.errors import SpecError, TargetError
from pgdeploy.gate.target import load_target
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.secret import conninfo

HOST = "127.0.0.1:1"

MALFORMED = {
    "an @ in it": f"postgresql://u:hunter2@canary@{HOST}/db",
    "a / in it": f"postgresql://u:hunter2/canary@{HOST}/db",
    "a / and an @": f"postgresql://u:hunter2/@canary@{HOST}/db",
    "a ? in it": f"postgresql://u:hunter2?canary@{HOST}/db",
    "a % in it": f"postgresql://u:hunter2%canary@{HOST}/db",
    "a % at its end": f"postgresql://u:hunter2canary%@{HOST}/db",
    "a blank in it": f"postgresql://u:hunter2 canary@{HOST}/db",
    "a NUL in it": f"postgresql://u:hunter2%00canary@{HOST}/db",
    "no UTF-8": f"postgresql://u:hunter2%ffcanary@{HOST}/db",
    "no host": "postgresql://u:hunter2canary/db",
    "as a port": "postgresql://u@127.0.0.1:hunter2canary/db",
    "a parameter with &": f"postgresql://{HOST}/db?password=hunter2&canary",
    "a parameter with =": f"postgresql://{HOST}/db?password=hunter2=canary",
    "a parameter with @": f"postgresql://{HOST}/db?password=hunter2@canary",
    "& for ?": f"postgresql://{HOST}/db&password=hunter2canary",
    "; for ?": f"postgresql://{HOST}/db;password=hunter2canary",
    "upper case": f"POSTGRESQL://u:hunter2canary@{HOST}/db",
    "another driver's": f"jdbc:postgresql://{HOST}/db?user=u&password=hunter2canary",
    "one slash": f"postgresql:/u:hunter2canary@{HOST}/db",
    "a blank in a value": "host=127.0.0.1 port=1 password=hunter2 canary",
    "a blank and a =": "host=127.0.0.1 port=1 password=hunter2 canary=x",
    "quotes that do not end": "host=127.0.0.1 port=1 password='hunter2 canary",
    "semicolons": "host=127.0.0.1;port=1;user=u;password=hunter2canary",
    "a URI as host": f"host=postgresql://u:hunter2canary@{HOST}/db",
    "a URI as dbname": f"host=127.0.0.1 port=1 dbname=postgresql://u:hunter2canary@{HOST}/db",
    "user and password as host": "host=u:hunter2canary@127.0.0.1",
    "password as port": "host=127.0.0.1 port=hunter2canary",
    "upper case keyword": "host=127.0.0.1 port=1 Password=hunter2canary",
}
"""A password of two parts, `hunter2` and `canary`, written in a way that libpq takes for something else."""

WELL_FORMED = (
    f"postgresql://u:hunter2%40canary@{HOST}/db",
    f"postgresql://u:hunter2:canary#@{HOST}/db",
    f"postgresql://{HOST}/db?user=u&password=hunter2%26canary",
    "host=127.0.0.1 port=1 user=u password='hunter2 \\' canary'",
    "host=127.0.0.1 port=1 user=u password=hunter2\\ canary",
)


@pytest.mark.parametrize("dsn", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_dsn_is_refused_with_what_to_write_and_not_shown(dsn: str, tmp_path: Path) -> None:
    with pytest.raises(TargetError) as refused:
        DsnServer(dsn).open()
    file = tmp_path / "spec.yaml"
    file.write_text(f"postgres: 16\nconnect:\n  dsn: '{dsn.replace(chr(39), chr(39) * 2)}'\n")
    with pytest.raises(SpecError) as in_spec:
        load_target(file)
    for said in (str(refused.value), str(in_spec.value)):
        assert not re.search("hunter2|canary", said)
    assert str(refused.value).startswith("--dsn: ")
    assert conninfo.mask(dsn) == "********"


@pytest.mark.parametrize("dsn", WELL_FORMED)
def test_a_server_that_does_not_answer_is_named_without_the_password(dsn: str) -> None:
    with pytest.raises(TargetError) as refused:
        DsnServer(dsn).open()
    assert re.search("127.0.0.1.*refused", str(refused.value))
    assert not re.search("hunter2|canary", str(refused.value))
    assert not re.search("hunter2|canary", conninfo.mask(dsn))
    assert "127.0.0.1" in conninfo.mask(dsn)


def test_every_option_of_this_libpq_is_known() -> None:
    assert {option.keyword.decode() for option in Conninfo.get_defaults()} <= conninfo.KEYWORDS


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
names = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(user=names, password=texts, database=names, port=st.integers(1, 65535))
def test_what_is_encoded_rightly_is_read_as_libpq_reads_it(
    user: str, password: str, database: str, port: int
) -> None:
    uri = f"postgresql://{user}:{quote(password, safe='')}@db.example.org:{port}/{database}?sslmode=require"
    pairs = make_conninfo(host="db.example.org", user=user, password=password, dbname=database)
    for dsn in (uri, pairs):
        assert conninfo.options(dsn) == conninfo_to_dict(dsn)
        assert not password or conninfo.options(conninfo.mask(dsn))["password"] == "********"


SIGNS = ["=", " ", "'", "\\", "@", ":", "/", "?", "&", "%", "%41", ",", "[", "]", ";"]
pieces = st.sampled_from(["postgresql://", "postgres://", "host", "password", "a", "b.c", "5432", *SIGNS])


@given(dsn=st.lists(pieces, max_size=12).map("".join))
def test_what_is_taken_is_what_libpq_takes(dsn: str) -> None:
    try:
        read = conninfo.options(dsn)
    except conninfo.ConninfoError:
        return
    try:
        assert read == conninfo_to_dict(dsn)
    except ProgrammingError as error:
        pytest.fail(f"libpq refuses it: {error}")
