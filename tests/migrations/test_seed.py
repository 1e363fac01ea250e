"""Rows that a database must have: written once, compared in the types of the columns, and nothing else touched."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.migrations.shop import Shop

SEEDS = """\
seeds:
  {database}:
    {more}rows:
      - {{table: kinds, csv: ../seeds/kinds.csv, key: [code]{null}}}
      - {{table: things, csv: ../seeds/things.csv, key: [kind, number]}}
"""
TABLES = """
CREATE TABLE kinds (code text PRIMARY KEY, label text, weight numeric, since timestamptz, tags text[], extra jsonb);
CREATE TABLE things (kind text REFERENCES kinds, number integer, PRIMARY KEY (kind, number));
ALTER TABLE kinds OWNER TO owner; ALTER TABLE things OWNER TO owner;
"""
KINDS = """\
code,label,weight,since,tags,extra
a,"one, two",1.50,2026-01-15 12:00+00,"{x,y}","{""k"": [1, 2]}"
b,,,,,
"""
THINGS = "kind,number\na,1\na,2\nb,1\n"


@pytest.fixture
def seeded(shop: Shop) -> Shop:
    """Two tables without a row, and files of what must be in them; no migrations matter here."""
    (shop.place / "seeds").mkdir()
    written(shop, "kinds", KINDS)
    written(shop, "things", THINGS)
    said(shop)
    shop.sql(TABLES)
    return shop


def written(shop: Shop, name: str, text: str) -> None:
    (shop.place / "seeds" / f"{name}.csv").write_text(text)


def said(shop: Shop, more: str = "", null: str = "") -> None:
    shop.spec(beside=SEEDS.format(database=shop.database, more=more, null=null))


def red(shop: Shop) -> dict[str, str]:
    return {name.partition(": ")[2]: why for name, why in shop.red("seed").items()}


ALL = {
    "public.kinds].rows": "2 rows missing: a; b",
    "public.things].rows": "3 rows missing: a, 1; a, 2; b, 1",
}


def test_written_and_written_again(seeded: Shop) -> None:
    """The second time nothing is left to do, whatever the spelling of what the server has."""
    assert red(seeded) == ALL
    assert "seeds/kinds.csv into public.kinds" in seeded.done("seed", "--yes")
    assert red(seeded) == {}
    assert "nothing to do" in seeded.done("plan", "--layer", "seed")
    assert seeded.sql("SELECT label, weight::text, tags[2], extra->'k'->>1 FROM kinds WHERE code = 'a'") == [
        ("one, two", "1.50", "y", "2")
    ]
    assert seeded.sql("SELECT num_nulls(label, weight, since, tags, extra) FROM kinds WHERE code = 'b'") == [
        (5,)
    ]
    written(
        seeded,
        "kinds",
        KINDS.replace("1.50", "1.5").replace("12:00+00", "15:00:00+03").replace("{x,y}", '{""x"", y}'),
    )
    written(seeded, "things", "number,kind\n1,b\n1,a\n2,a\n")
    assert red(seeded) == {}


@pytest.mark.parametrize(
    ("by_hand", "expected"),
    [
        (
            "UPDATE kinds SET label = 'x' WHERE code = 'a'",
            {"public.kinds].rows": "1 row with other values: a"},
        ),
        (
            "UPDATE kinds SET label = '' WHERE code = 'b'",
            {"public.kinds].rows": "1 row with other values: b"},
        ),
        ("DELETE FROM things WHERE number = 2", {"public.things].rows": "1 row missing: a, 2"}),
        ("INSERT INTO kinds VALUES ('ours')", {}),
        ("ALTER TABLE kinds ADD COLUMN more text DEFAULT 'x'", {}),
        ("DROP TABLE things", {"public.things].rows": "no such table"}),
        (
            "ALTER TABLE kinds DROP COLUMN tags",
            {"public.kinds].rows": "kinds.csv:1: public.kinds has no column tags"},
        ),
    ],
)
def test_what_somebody_did_by_hand(by_hand: str, expected: dict[str, str], seeded: Shop) -> None:
    """Exactly its check is red; what the file does not have stays as it is."""
    seeded.done("seed", "--yes")
    seeded.sql(by_hand)
    found = red(seeded)
    assert found.keys() == expected.keys()
    assert all(expected[name] in why for name, why in found.items()), found
    if "row" in "".join(expected.values()) and "DROP" not in by_hand:
        seeded.done("seed", "--yes")
        assert red(seeded) == {}


def test_all_of_a_database_or_nothing(seeded: Shop) -> None:
    written(seeded, "things", THINGS + "nowhere,1\n")
    said_ = seeded.done("seed", "--yes", status=1)
    assert 'things.csv: insert or update on table "things" violates foreign key constraint' in said_
    assert seeded.sql("SELECT count(*) FROM kinds") == [(0,)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no column kind, which `key:` names"),
        ("kind,number\na\n", ":2: has 1 values, and the first line 2 columns"),
        ("kind,number\na,1\na,1\n", ":3: has the key of line 2"),
        ("kind,number\n,1\n", ":2: has no key"),
        ("kind,kind,number\n", ":1: a column has no name, or two have the same"),
        ('kind,number\na,"1\n', ": unexpected end of data"),
        ("kind,number\na,one\n", 'invalid input syntax for type integer: "one"'),
        ("kind,number,colour\na,1,red\n", "things.csv:1: public.things has no column colour"),
        ("kind,number\n\xff,1\n".encode("latin-1").decode("latin-1"), None),
    ],
)
def test_a_file_that_is_no_table_of_this_kind(text: str, says: str | None, seeded: Shop) -> None:
    if says is None:
        (seeded.place / "seeds" / "things.csv").write_bytes(text.encode("latin-1"))
        says = "is not UTF-8"
    else:
        written(seeded, "things", text)
    found = seeded.done("seed", "--yes", status=1)
    assert says in found
    assert "Traceback" not in found
    assert seeded.sql("SELECT count(*) FROM kinds") == [(0,)]


def test_a_value_that_is_too_long_is_refused(seeded: Shop) -> None:
    """And not cut."""
    seeded.sql("ALTER TABLE kinds ALTER label TYPE varchar(3)")
    assert "value too long for type character varying(3)" in seeded.done("seed", "--yes", status=1)


def test_an_empty_text_that_is_no_null(seeded: Shop) -> None:
    said(seeded, null=", null_text: '-'")
    written(seeded, "kinds", "code,label,weight\na,,1\nb,-,-\n")
    seeded.done("seed", "--yes")
    assert seeded.sql("SELECT label, weight FROM kinds ORDER BY code")[1] == (None, None)
    assert seeded.sql("SELECT label FROM kinds WHERE code = 'a'") == [("",)]
    assert red(seeded) == {}


def test_without_a_unique_index_on_the_key(seeded: Shop) -> None:
    seeded.sql("ALTER TABLE things DROP CONSTRAINT things_pkey")
    assert "no unique or exclusion constraint matching" in seeded.done("seed", "--yes", status=1)


def test_cleared_only_where_the_spec_allows_it(seeded: Shop) -> None:
    seeded.done("seed", "--yes")
    seeded.sql("INSERT INTO kinds VALUES ('ours')")
    assert "may not be cleared" in seeded.done("seed", "--clear", "--yes", status=1)
    assert seeded.sql("SELECT count(*) FROM kinds") == [(3,)]
    said(seeded, more="clear: true\n    ")
    seeded.done("seed", "--clear", "--yes")
    assert seeded.sql("SELECT count(*) FROM kinds") == [(2,)]
    assert red(seeded) == {}


def test_what_a_spec_may_not_say(seeded: Shop) -> None:
    for more, says in (("role: postgres\n    ", "is a superuser"), ("role: nobody\n    ", "is not declared")):
        said(seeded, more=more)
        assert says in seeded.done("seed", status=1)
    said(seeded)
    file = seeded.place / "specs/shop.yaml"
    text = file.read_text().replace("table: things", "table: kinds")
    file.write_text(text)
    assert "this table stands twice" in seeded.done("seed", status=1)


def test_no_commands_reads_nothing_beyond(seeded: Shop) -> None:
    file = seeded.place / "specs/shop.yaml"
    file.write_text("\n".join(line for line in file.read_text().splitlines() if "migration" not in line))
    refused = seeded.done("seed", "--no-commands", status=1)
    assert "reads a file that is not in" in refused
    Path(seeded.place / "seeds").rename(seeded.place / "specs" / "seeds")
    file.write_text(file.read_text().replace("../seeds", "seeds"))
    assert "missing" in seeded.done("check", "--layer", "seed", "--no-commands", status=2)


def test_on_a_server_to_throw_away(shop: Shop) -> None:
    """Its tables are there before the rows, and the gate is green."""
    (shop.place / "seeds").mkdir()
    written(shop, "rates", "code,rate\nEUR,1\nGBP,3\n")
    rows = f"seeds: {{{shop.database}: {{rows: [{{table: rates, csv: ../seeds/rates.csv, key: [code]}}]}}}}\n"
    shop.spec(beside=rows)
    planned = shop.alone("plan", "--layer", "seed", "--on", "embedded", status=2)
    assert "1 row missing: GBP" in planned
    assert " 0 drift" in shop.alone("check", "--on", "embedded")


# -- queries and functions -----------------------------------------------------------------------------

PYTHON = """
import datetime
from decimal import Decimal
print("noise")

def kinds():
    since = datetime.datetime(2026, 1, 15, 12, tzinfo=datetime.timezone.utc)
    more = {"since": since, "tags": "{x,y}", "extra": {"k": [1, 2]}}
    yield {"code": "a", "label": "one, two", "weight": Decimal("1.50"), **more}
    yield {"code": "b", "weight": None, "label": None, "since": None, "tags": None, "extra": None}
"""
QUERY = "SELECT k.code AS kind, n AS number FROM kinds k, generate_series(1, 2) n -- both\n;\n"


@pytest.fixture
def computed(seeded: Shop) -> Shop:
    """One table from a function, and the other from a query on that."""
    (seeded.place / "seeds/kinds.py").write_text(PYTHON)
    (seeded.place / "seeds/things.sql").write_text(QUERY.replace("FROM kinds", "FROM public.kinds"))
    file = seeded.place / "specs/shop.yaml"
    text = file.read_text().replace("csv: ../seeds/kinds.csv", "function: ../seeds/kinds.py:kinds")
    file.write_text(text.replace("csv: ../seeds/things.csv", "query: ../seeds/things.sql"))
    return seeded


def test_rows_of_a_query_and_of_a_function(computed: Shop) -> None:
    """What a query asks of a table that is filled in the same run is there the next time."""
    computed.done("seed", "--yes", status=None)
    computed.done("seed", "--yes")
    assert red(computed) == {}
    assert computed.sql("SELECT kind, number FROM things ORDER BY 1, 2") == [
        ("a", 1),
        ("a", 2),
        ("b", 1),
        ("b", 2),
    ]
    assert computed.sql(
        "SELECT label, weight::text, tags[2], extra->'k'->>1 FROM kinds WHERE code = 'a'"
    ) == [("one, two", "1.50", "y", "2")]
    computed.sql("UPDATE kinds SET label = 'x' WHERE code = 'a'; DELETE FROM things WHERE kind = 'b'")
    assert red(computed) == {
        "public.kinds].rows": "1 row with other values: a",
        "public.things].rows": "2 rows missing: b, 1; b, 2",
    }


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT 1 AS kind", "things.sql: has no column number, which `key:` names; it has kind"),
        (
            "SELECT 'a' AS kind, 1 AS number UNION ALL SELECT 'a', 1",
            "things.sql: row 2: has the key of row 1",
        ),
        ("SELECT 1); DELETE FROM public.kinds; SELECT (1", "cannot insert multiple commands"),
        ("DELETE FROM public.kinds RETURNING code AS kind, 1 AS number", "syntax error"),
        (
            "SELECT n::text AS kind, n AS number FROM generate_series(1, 100001) n",
            "gives more than 100,000 rows",
        ),
        ("SELECT nowhere", 'column "nowhere" does not exist'),
        (None, "things.sql: No such file or directory"),
    ],
)
def test_a_query_that_gives_no_rows_of_this_kind(query: str | None, says: str, computed: Shop) -> None:
    file = computed.place / "seeds/things.sql"
    file.unlink() if query is None else file.write_text(query)
    computed.sql("INSERT INTO kinds VALUES ('ours')")
    said_ = computed.done("plan", "--layer", "seed", status=1)
    assert says in said_
    assert "Traceback" not in said_
    assert computed.sql("SELECT count(*) FROM kinds") == [(1,)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "def kinds():\n    return [{'code': 'a'}, {'label': 'b'}]",
            "row 2 is no dict with the columns of the first",
        ),
        ("def kinds():\n    return [1]", "row 1 is no dict"),
        ("def kinds():\n\n    raise ValueError('out of stock')", "kinds.py:3: ValueError: out of stock"),
        ("import nowhere", "kinds.py:1: ModuleNotFoundError"),
        ("def other():\n    return []", "AttributeError"),
        ("def kinds(:", "SyntaxError"),
        ("import os\nos._exit(3)", "kinds() ended without an answer"),
        (None, "kinds.py: no such file"),
    ],
)
def test_a_function_that_gives_no_rows(text: str | None, says: str, computed: Shop) -> None:
    file = computed.place / "seeds/kinds.py"
    file.unlink() if text is None else file.write_text(text)
    said_ = computed.done("plan", "--layer", "seed", status=1)
    assert says in said_
    assert "Traceback" not in said_


def test_no_commands_calls_no_function_and_asks_nothing(computed: Shop) -> None:
    said_ = computed.done("seed", "--no-commands", status=1)
    assert "runs a function of Python on this machine" in said_
    assert "asks the server what a file says" in said_


@pytest.mark.parametrize("source", ["csv: a.csv, query: a.sql", "function: kinds.py"])
def test_a_source_that_is_none(source: str, seeded: Shop) -> None:
    file = seeded.place / "specs/shop.yaml"
    file.write_text(file.read_text().replace("csv: ../seeds/kinds.csv", source))
    said_ = seeded.done("seed", status=1)
    assert "shop.yaml:" in said_
    assert "FILE.py:NAME" in said_ if "function" in source else "one of csv, query and function" in said_
