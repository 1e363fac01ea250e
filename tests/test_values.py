"""Values mean here what they mean to the server: what it takes and makes of a spelling is the ruler."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from pgdeploy.postgres.moment import NEVER_ENDS, Moment, timestamp
from pgdeploy.postgres.parameter import MAJORS, Parameter, parameters
from pgdeploy.postgres.postgresql_conf import quoted
from pgdeploy.postgres.privilege import LETTERS
from pgdeploy.postgres.values import (
    AUTO,
    PRIVILEGES,
    SettingInput,
    ValueProblem,
    canonical,
    conf_text,
    encoding_name,
    expand,
    from_server,
    icu_locale,
    locale_name,
    privileges,
    show,
    sql_elements,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pgdeploy.reach.embedded import Cluster

Connection = psycopg.Connection[tuple[object, ...]]

P16 = parameters(16)
P18 = parameters(18)


# -- numbers, by example -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "meant", "shown"),
    [
        ("shared_buffers", "12GB", 1572864, "12GB"),
        ("shared_buffers", 16384, 16384, "128MB"),
        ("work_mem", "65536kB", 65536, "64MB"),
        ("work_mem", " 64 MB ", 65536, "64MB"),
        ("work_mem", "0x40MB", 65536, "64MB"),
        ("work_mem", "0100MB", 65536, "64MB"),
        ("work_mem", "1.5GB", 1572864, "1536MB"),
        ("work_mem", "0.3GB", 314368, "307MB"),
        ("checkpoint_timeout", "900", 900, "15min"),
        ("checkpoint_timeout", "0.25h", 900, "15min"),
        ("log_temp_files", 0, 0, "0"),
        ("log_min_duration_statement", -1, -1, "-1"),
        ("max_wal_size", "8GB", 8192, "8GB"),
        ("max_connections", 200, 200, "200"),
        ("max_connections", "1e2", 100, "100"),
        ("wal_buffers", 1, 4, "32kB"),
        ("autovacuum_work_mem", "1kB", 1024, "1MB"),
        ("checkpoint_completion_target", 0.9, 0.9, "0.9"),
        ("checkpoint_completion_target", "0.9", 0.9, "0.9"),
        ("checkpoint_completion_target", "9e-1", 0.9, "0.9"),
        ("vacuum_cost_delay", "1500us", 1.5, "1500us"),
        ("random_page_cost", "1.10", 1.1, "1.1"),
        ("random_page_cost", 2, 2.0, "2"),
        ("log_file_mode", "0640", 0o640, "0640"),
        ("unix_socket_permissions", "0770", 0o770, "0770"),
        ("jit", True, True, "on"),
        ("jit", "of", False, "off"),
        ("synchronous_commit", True, "on", "on"),
        ("synchronous_commit", "REMOTE_APPLY", "remote_apply", "remote_apply"),
        ("synchronous_commit", 1, "on", "on"),
        ("wal_level", "hot_standby", "replica", "replica"),
        ("wal_compression", "on", "pglz", "pglz"),
        ("client_min_messages", "info", "info", "info"),
        ("cluster_name", 16, "16", "16"),
        ("archive_command", "cp %p '/a b/%f'", "cp %p '/a b/%f'", "cp %p '/a b/%f'"),
        ("log_directory", "log//", "log", "log"),
        ("client_encoding", "utf-8", "UTF8", "UTF8"),
        ("default_text_search_config", "english", "pg_catalog.english", "pg_catalog.english"),
    ],
)
def test_a_value_means(name: str, value: SettingInput, meant: object, shown: str) -> None:
    got = canonical(value, P16[name])
    assert (type(got), got) == (type(meant), meant)
    assert show(got, P16[name]) == shown


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("work_mem", "64mb", r"unit 'mb' is none of TB, GB, MB, kB, B .*did you mean '64MB'"),
        ("work_mem", "4", r"read '4', which is out of range; allowed: 64kB to about 2TB"),
        ("work_mem", True, "read 'true', which is no number"),
        ("work_mem", ["64MB"], "read a list; work_mem takes one value"),
        ("work_mem", "lots", "read 'lots', which is no integer"),
        ("work_mem", "08MB", "unit '8MB'"),
        ("max_connections", "200MB", "has no unit.*1 to 262143"),
        ("random_page_cost", float("nan"), "finite"),
        ("random_page_cost", float("inf"), "finite"),
        ("random_page_cost", "inf", "no number"),
        ("checkpoint_timeout", "5sec", "unit 'sec' is none of d, h, min, s, ms, us"),
        ("checkpoint_timeout", "29s", "30s to 1d"),
        ("jit", "maybe", "no boolean; allowed: on, off"),
        ("jit", "o", "no boolean"),
        ("wal_level", "logicall", "allowed: minimal, replica, logical; did you mean 'logical'"),
        ("log_directory", True, "write it in quotes"),
        ("recovery_target_xid", 1.5, "write it in quotes"),
        ("vacuum_buffer_usage_limit", "64kB", "0, or 128kB to 16GB"),
        ("log_destination", "stdout", "did you mean|allowed: a list of stderr"),
        ("search_path", "a b", "no list"),
        ("search_path", "a,", "no list"),
        ("shared_preload_libraries", '""', "element without a name"),
        ("synchronous_standby_names", "FIRST 0 (a)", "n at least 1"),
        ("synchronous_standby_names", "a-b", "allowed: a, b or"),
        ("datestyle", "ISO, SQL", "contradicts"),
        ("application_name", "a\0b", "zero byte"),
    ],
)
def test_a_value_is_refused(name: str, value: SettingInput, message: str) -> None:
    with pytest.raises(ValueProblem, match=message):
        canonical(value, P16[name])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("transaction_buffers", 17),
        ("notify_buffers", "136kB"),
        ("io_max_concurrency", 0),
        ("log_connections", "t"),
    ],
)
def test_a_value_is_refused_by_18(name: str, value: SettingInput) -> None:
    with pytest.raises(ValueProblem, match="allowed"):
        canonical(value, P18[name])


# -- lists ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "one", "other", "same"),
    [
        ("search_path", "App, Public", ["app", "public"], True),
        ("search_path", "a, b", ["a, b"], False),
        ("search_path", "a, b", "b, a", False),
        ("search_path", '"$user",public', ["$user", "public"], True),
        ("search_path", '"App"', "App", False),
        ("search_path", "", '""', True),
        ("shared_preload_libraries", "pgaudit, pg_stat_statements", ["pgaudit", "pg_stat_statements"], True),
        ("shared_preload_libraries", "pgaudit, pg_stat_statements", "pg_stat_statements,pgaudit", False),
        ("shared_preload_libraries", "/a b/x.so", ["/a b//x.so"], True),
        ("shared_preload_libraries", "MyLib", "mylib", False),
        ("log_destination", "stderr, CSVLOG", ["csvlog", "stderr"], True),
        ("listen_addresses", "localhost, 10.0.0.1", "10.0.0.1,localhost", True),
        ("listen_addresses", "*", "localhost", False),
        ("datestyle", "iso", "ISO, MDY", True),
        ("datestyle", "european, German", "German", True),
        ("synchronous_standby_names", "a, B", "first 1 (A,b)", True),
        ("synchronous_standby_names", "ANY 1 (a, b)", "any 1 (b, a)", True),
        ("synchronous_standby_names", "a, b", "b, a", False),
        ("timezone", "europe/Berlin", "Europe/Berlin", True),
        ("lc_messages", "en_US.UTF-8", "en_US.utf8", True),
    ],
)
def test_lists_and_texts_agree(name: str, one: SettingInput, other: SettingInput, same: bool) -> None:
    assert (canonical(one, P16[name]) == canonical(other, P16[name])) is same


def test_log_connections_of_18_takes_what_it_was_before() -> None:
    parameter = P18["log_connections"]
    assert canonical(True, parameter) == canonical("authorization, receipt, authentication", parameter)
    assert canonical("all", parameter) != canonical("on", parameter)
    assert canonical("off", parameter) == canonical("", parameter)


def test_sql_elements() -> None:
    assert sql_elements('"$user", public', P16["search_path"]) == ("$user", "public")
    assert sql_elements(["a, b"], P16["search_path"]) == ("a, b",)
    assert sql_elements("", P16["search_path"]) == ("",)
    assert sql_elements("", P16["shared_preload_libraries"]) == ()
    assert sql_elements(["stderr", "csvlog"], P16["log_destination"]) == ("stderr, csvlog",)
    assert sql_elements("64MB", P16["work_mem"]) == ("64MB",)
    assert sql_elements(["write", "ddl"], None) == ("write, ddl",)
    assert sql_elements(False, None) == ("off",)


def test_conf_text() -> None:
    assert conf_text(["$user", "public", 'x"y'], P16["search_path"]) == '"$user", public, "x""y"'
    assert conf_text(0.9, P16["checkpoint_completion_target"]) == "0.9"
    assert conf_text(True, P16["jit"]) == "on"


# -- the server is the ruler ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ruler(server16: Cluster) -> Iterator[Connection]:
    with server16.open() as connection:
        connection.autocommit = True
        yield connection


def server_says(connection: Connection, name: str, text: str) -> tuple[str, str] | None:
    """pg_settings.setting and SHOW after SET, or None when the server refuses; one round trip, then undone.

    In one query string, because some settings end a session that waits.
    """
    query = sql.SQL(
        "SELECT set_config({0}, {1}, false); "
        "SELECT setting, current_setting(name) FROM pg_settings WHERE name = {0}; RESET {2}"
    ).format(sql.Literal(name), sql.Literal(text), sql.Identifier(name))
    try:
        cursor = connection.execute(query)
    except psycopg.errors.InvalidParameterValue:
        return None
    cursor.nextset()
    row = cursor.fetchone()
    assert row is not None
    return str(row[0]), str(row[1])


def we_say(text: SettingInput, parameter: Parameter) -> object:
    try:
        return canonical(text, parameter)
    except ValueProblem:
        return None


def assert_same(connection: Connection, parameter: Parameter, text: str) -> None:
    ours = we_say(text, parameter)
    theirs = server_says(connection, parameter.name, text)
    assert (ours is None) == (theirs is None), (
        f"{parameter.name} = {text!r}: ours {ours!r}, the server's {theirs!r}"
    )
    if theirs is not None and ours is not None:
        assert from_server(theirs[0], parameter) == ours
        assert isinstance(ours, (bool, int, float, str))
        assert show(ours, parameter) == (theirs[1].replace("-0", "0") if ours == 0 else theirs[1])


digits = st.one_of(
    st.integers(-5, 70000).map(str),
    st.integers(-(2**33), 2**65).map(str),
    st.integers(0, 2**20).map(lambda number: f"0{number:o}"),
    st.integers(0, 2**20).map(hex),
    st.floats(-10, 1e6, allow_nan=False).map(repr),
    st.floats(0, 300).map(lambda number: f"{number:.3f}"),
    st.decimals(0, 9000, places=2).map(lambda number: f"{number:e}"),
    st.sampled_from(
        ["", ".5", "5.", "-.5", "+7", "09", "0x", "0x1.8", "1e", "1e400", "1e-400", "inf", "nan", "1_0", "٣"]
    ),
)
memory_units = st.sampled_from(["", "", "B", "kB", "MB", "GB", "TB", "KB", "mb", "k", "ms"])
time_units = st.sampled_from(["", "", "us", "ms", "s", "min", "h", "d", "S", "m", "days", "kB"])
spaces = st.sampled_from(["", "", "", " ", "\t", "\n "])


def spelled(units: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(spaces, digits, spaces, units, spaces).map("".join)


law = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
SIZES = (
    "work_mem",
    "temp_buffers",
    "wal_skip_threshold",
    "effective_cache_size",
    "logical_decoding_work_mem",
)
DURATIONS = ("lock_timeout", "deadlock_timeout", "log_min_duration_statement", "vacuum_cost_delay")
PLAIN = (
    "random_page_cost",
    "seq_page_cost",
    "geqo_threshold",
    "extra_float_digits",
    "hash_mem_multiplier",
    "geqo_seed",
)


@law
@given(name=st.sampled_from(SIZES), text=spelled(memory_units))
def test_sizes_mean_what_the_server_says(ruler: Connection, name: str, text: str) -> None:
    assert_same(ruler, P16[name], text)


@law
@given(name=st.sampled_from(DURATIONS), text=spelled(time_units))
def test_durations_mean_what_the_server_says(ruler: Connection, name: str, text: str) -> None:
    assert_same(ruler, P16[name], text)


@law
@given(name=st.sampled_from(PLAIN), text=spelled(st.sampled_from(["", "", "", "kB"])))
def test_numbers_without_a_unit_mean_what_the_server_says(ruler: Connection, name: str, text: str) -> None:
    assert_same(ruler, P16[name], text)


words = st.one_of(
    st.sampled_from(["on", "off", "true", "false", "yes", "no", "1", "0", "debug", "info", "try"]),
    st.sampled_from(
        [
            value
            for name in ("synchronous_commit", "bytea_output", "log_statement")
            for value in P16[name].values
        ]
    ),
)


@st.composite
def bent(draw: st.DrawFn) -> str:
    """A word cut short, in another case, or with a space."""
    word = draw(words)
    word = word[: draw(st.integers(0, len(word)))] if draw(st.booleans()) else word
    return draw(st.sampled_from([word, word, word.upper(), word.title(), f" {word}", f"{word} ", f"{word}x"]))


BOOLEANS = ("jit", "enable_seqscan", "array_nulls")
ENUMS = ("synchronous_commit", "bytea_output", "log_statement", "client_min_messages", "constraint_exclusion")


@law
@given(name=st.sampled_from(BOOLEANS + ENUMS), text=bent())
def test_words_mean_what_the_server_says(ruler: Connection, name: str, text: str) -> None:
    assert_same(ruler, P16[name], text)


hostile = st.text(st.sampled_from("ab A_,.\"'$ \t;-Üß1"), max_size=8)


@law
@given(text=hostile)
def test_search_paths_are_split_as_the_server_splits_them(ruler: Connection, text: str) -> None:
    theirs = server_says(ruler, "search_path", text)
    ours = we_say(text, P16["search_path"])
    assert (ours is None) == (theirs is None)
    if theirs is not None:
        assert from_server(theirs[0], P16["search_path"]) == ours


@law
@given(names=st.lists(hostile.filter(bool), min_size=1, max_size=3))
def test_names_of_a_search_path_arrive_as_they_are(ruler: Connection, names: list[str]) -> None:
    """By SQL, one literal an element, and read back by the server's own current_schemas."""
    parameter = P16["search_path"]
    elements = sql_elements(names, parameter)
    assert elements == tuple(names)
    listed = sql.SQL(", ").join(map(sql.Literal, elements))
    cursor = ruler.execute(
        sql.SQL("SET search_path TO {}; SELECT current_setting('search_path'); RESET search_path").format(
            listed
        )
    )
    cursor.nextset()
    row = cursor.fetchone()
    assert row is not None
    assert from_server(str(row[0]), parameter) == canonical(names, parameter)


@law
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20))
def test_quoted_text_comes_back(server16: Cluster, ruler: Connection, text: str) -> None:
    file = server16.data / "postgresql.conf"
    before = file.read_text()
    try:
        with file.open("a") as out:
            out.write(f"\nlog_line_prefix = {quoted(text)}\n")
        query = "SELECT setting, error FROM pg_file_settings WHERE name = 'log_line_prefix'"
        assert ruler.execute(query).fetchone() == (text, None)
    finally:
        file.write_text(before)


def test_automatic_values_are_those_that_the_server_replaces(server18: Cluster) -> None:
    with server18.open() as connection:
        rows = connection.execute(
            "SELECT name FROM pg_settings WHERE vartype = 'integer' AND source = 'default' AND boot_val <> setting "
            "AND context <> 'internal' AND NOT setting LIKE '0%'"
        ).fetchall()
        rows += connection.execute(
            "SELECT name FROM pg_settings WHERE boot_val IN ('-1', '0') AND source = 'override' "
            "AND vartype = 'integer' AND context <> 'internal'"
        ).fetchall()
    assert {str(row[0]) for row in rows} - {"max_stack_depth"} == set(AUTO)


# -- privileges ----------------------------------------------------------------------------------------

OBJECTS = {
    "table": ("r", "TABLE pg_temp.t"),
    "sequence": ("s", "SEQUENCE pg_temp.s"),
    "database": ("d", "DATABASE postgres"),
    "schema": ("n", "SCHEMA public"),
    "function": ("f", "FUNCTION pg_temp.f()"),
    "type": ("T", "TYPE pg_temp.d"),
    "language": ("l", "LANGUAGE plpgsql"),
    "tablespace": ("t", "TABLESPACE pg_default"),
    "foreign_data_wrapper": ("F", "FOREIGN DATA WRAPPER w"),
    "foreign_server": ("S", "FOREIGN SERVER v"),
    "large_object": ("L", "LARGE OBJECT 4711"),
    "parameter": ("p", "PARAMETER work_mem"),
}

MAKE = """
    CREATE TEMP TABLE t (a int); CREATE TEMP SEQUENCE s; CREATE DOMAIN pg_temp.d AS int;
    CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1';
    CREATE FOREIGN DATA WRAPPER w; CREATE SERVER v FOREIGN DATA WRAPPER w; SELECT lo_create(4711);
"""


def assert_all_means(server: Cluster, major: int) -> None:
    """acldefault gives the owner all there is; a single privilege that we name can be granted."""
    with server.open() as connection:
        connection.execute(MAKE)
        for kind, (letter, place) in OBJECTS.items():
            query = "SELECT privilege_type FROM aclexplode(acldefault(%s, 10::oid)) WHERE grantee = 10"
            rows = connection.execute(query, (letter,)).fetchall()
            assert {row[0] for row in rows} == privileges(kind, major)
            for privilege in privileges(kind, major):
                connection.execute(f"GRANT {privilege} ON {place} TO pg_monitor")
        connection.rollback()


def test_all_means_what_it_means_on_16(server16: Cluster) -> None:
    assert_all_means(server16, 16)


def test_all_means_what_it_means_on_18(server18: Cluster) -> None:
    assert_all_means(server18, 18)


def test_privileges_are_expanded() -> None:
    assert expand(["ALL"], "table", 17) - expand(["all privileges"], "table", 16) == {"MAINTAIN"}
    assert expand(["temp", "Connect"], "database", 16) == {"TEMPORARY", "CONNECT"}
    assert expand(["alter  system"], "parameter", 15) == {"ALTER SYSTEM"}
    assert expand([], "table", 16) == frozenset()


@pytest.mark.parametrize(
    ("names", "kind", "message"),
    [
        (
            ["SELCT"],
            "table",
            "'SELCT', which no table has; allowed: SELECT, .* or ALL; did you mean 'SELECT'",
        ),
        (["MAINTAIN"], "table", "came with PostgreSQL 17; this is 14"),
        (["SET"], "parameter", "came with PostgreSQL 15"),
        (["ALL", "DELETE"], "column", "no column has"),
        (["x"], "parameter", "nothing can be granted on a parameter"),
    ],
)
def test_privileges_are_refused(names: list[str], kind: str, message: str) -> None:
    with pytest.raises(ValueProblem, match=message):
        expand(names, kind, 14)


def test_every_privilege_has_a_letter() -> None:
    assert {name for names in PRIVILEGES.values() for name in names} == set(LETTERS.values())


@pytest.mark.parametrize("major", MAJORS)
def test_procedures_are_functions(major: int) -> None:
    assert privileges("procedure", major) == privileges("function", major) == {"EXECUTE"}


# -- other spellings -----------------------------------------------------------------------------------

moments = st.datetimes(
    datetime.fromisoformat("1900-01-01"),
    datetime.fromisoformat("2200-01-01"),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(-timedelta(hours=9, minutes=30))]),
)


@law
@given(
    moment=moments,
    form=st.sampled_from(["{}", "{:%Y-%m-%d %H:%M:%S%z}", "{:%Y-%m-%dT%H:%M:%S %z}", "{:%Y-%m-%d}"]),
)
def test_moments_mean_what_the_server_says(ruler: Connection, moment: datetime, form: str) -> None:
    text = form.format(moment)
    assert timestamp(text) == _server_says(ruler, text)


def _server_says(ruler: Connection, text: str) -> Moment:
    query = sql.SQL("SET timezone TO 'UTC'; SELECT extract(epoch FROM {}::timestamptz)::text")
    cursor = ruler.execute(query.format(sql.Literal(text)))
    cursor.nextset()
    row = cursor.fetchone()
    assert row is not None
    return Moment.of_epoch(str(row[0]))


FAR = (
    "infinity",
    "+Infinity",
    "-infinity",
    "9999-12-31 23:59:59-08",
    "0001-01-01 00:00:00+14",
    "20000-01-01",
    "4713-02-28 BC",
    "99999-12-31 23:59:59.999999+05:30",
    "294276-12-31 23:59:59",
    "4714-11-24 BC",
    "0044-03-15 12:00 BC",
    "0001-02-29 00:00:00+00 bc",
    "0001-01-01 AD",
)


@pytest.mark.parametrize("text", FAR)
def test_moments_that_only_postgresql_knows(ruler: Connection, text: str) -> None:
    """And what we write of them is the same moment to the server."""
    moment = timestamp(text)
    assert moment == _server_says(ruler, text)
    assert moment == _server_says(ruler, str(moment))


@pytest.mark.parametrize(
    "text", ["294277-01-01", "4714-11-23 BC", "999999-01-01", "0000-01-01", "0000-01-01 BC"]
)
def test_moments_beyond_postgresql(ruler: Connection, text: str) -> None:
    with pytest.raises(ValueProblem, match=f"read '{text}'"):
        timestamp(text)
    with pytest.raises(psycopg.Error):
        ruler.execute(sql.SQL("SELECT {}::timestamptz").format(sql.Literal(text)))


def test_moments() -> None:
    noon = timestamp("2027-01-31 12:00:00+00")
    assert timestamp(date(2027, 1, 31)) == timestamp("2027-01-31")
    assert timestamp(datetime.fromisoformat("2027-01-31 12:00")) == noon
    assert timestamp("2027-01-31 12:00 UTC") == noon
    assert str(noon) == "2027-01-31 12:00:00+00:00"
    assert timestamp("-infinity") < timestamp("4714-11-24 BC") < noon < timestamp("99999-01-01") < NEVER_ENDS
    with pytest.raises(ValueProblem, match="2027-13-01"):
        timestamp("2027-13-01")


ENCODING_ALIASES = (
    *(
        "unicode",
        "utf-8",
        "ISO 8859-1",
        "Windows-1252",
        "latin1",
        "alt",
        "abc",
        "win",
        "koi8",
        "sql-ascii",
        "tcvn-5712",
    ),
    *(
        "vscii",
        "mskanji",
        "shift_jis",
        "windows932",
        "windows936",
        "windows949",
        "windows950",
        "euc-jis-2004",
    ),
    *(f"iso-8859-{number}" for number in (*range(1, 11), *range(13, 17))),
)
ICU_LOCALES = (
    *(
        "en_US",
        "EN-us",
        "en_US.UTF-8",
        "en-US-u-kn-true",
        "en-US-u-kn",
        "de_DE@collation=phonebook",
        "de-DE-x-icu",
    ),
    *(
        "",
        "root",
        "und",
        "C",
        "c",
        "POSIX",
        "en_US_POSIX",
        "zh_Hant_TW",
        "@colStrength=secondary",
        "iw",
        "en_US@EURO",
    ),
    *("en-US-u-kn-true-kc-true", "en@colStrength=secondary;colCaseLevel=yes", "en-u-ks-level2", "sr_Latn_RS"),
)


def test_encodings_are_named_as_the_server_names_them(ruler: Connection) -> None:
    rows = ruler.execute(
        "SELECT pg_encoding_to_char(number) FROM generate_series(0, 41) AS number"
    ).fetchall()
    names = [str(row[0]) for row in rows if row[0]]
    assert len(names) > 35
    for name in names:
        assert encoding_name(name) == name
        assert encoding_name(name.lower().replace("_", "-")) == name
    for alias in ENCODING_ALIASES:
        row = ruler.execute("SELECT pg_encoding_to_char(pg_char_to_encoding(%s))", (alias,)).fetchone()
        assert row == (encoding_name(alias),)


@pytest.mark.parametrize("spelling", ICU_LOCALES)
def test_icu_locales_are_the_ones_that_the_server_stores(server17: Cluster, spelling: str) -> None:
    with server17.open() as connection:
        connection.execute(
            sql.SQL("CREATE COLLATION pg_temp.made (provider = icu, locale = {})").format(spelling)
        )
        row = connection.execute("SELECT colllocale FROM pg_collation WHERE collname = 'made'").fetchone()
        connection.rollback()
    assert row is not None
    assert icu_locale(str(row[0])) == icu_locale(spelling)


def test_icu_locales_that_differ() -> None:
    others = (
        "en-US",
        "en-GB",
        "en",
        "und",
        "C",
        "en-US-u-kn",
        "en-US-u-kn-false",
        "en@collation=phonebook",
        "de-x-icu",
    )
    assert len({icu_locale(other) for other in others}) == len(others)


def test_locales() -> None:
    assert locale_name("de_DE.UTF-8@euro") == locale_name("de_DE.utf8@euro")
    assert locale_name("C") == locale_name("POSIX")
    assert locale_name("en_US.UTF-8") != locale_name("en_GB.UTF-8")
