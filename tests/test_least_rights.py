"""docs/gate.md says which privileges a gate needs that is no superuser, and what is unreadable without each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.output.command import run

DOCUMENT = Path(__file__).parent.parent / "docs/gate.md"

SPEC = """\
settings: {log_filename: shop.log}
roles:
  postgres: {superuser: true}
  shop_owner: {}
  shop_app: {login: true, password: {env: APP_PASSWORD}, member_of: [shop_readers]}
  shop_readers: {}
databases:
  shop:
    owner: shop_owner
    schemas: {sales: {owner: shop_owner}}
    grants:
      - {grant: [CONNECT], on: {database: true}, to: [gate, shop_app]}
      - {revoke: [CONNECT], on: {database: true}, from: [PUBLIC]}
      - {grant: [USAGE], on: {schema: sales}, to: [shop_readers]}
      - {grant: [SELECT], on: {all: tables, schema: sales}, to: [shop_readers]}
    default_privileges:
      - {for: shop_owner, in_schema: sales, grant: [SELECT], on: tables, to: [shop_readers]}
hba:
  - {type: local, database: [all], user: [postgres], method: trust}
  - {type: local, database: [all], user: [all], method: scram-sha-256}
"""
PASSWORDS = {"APP_PASSWORD": "of the application", "GATE_PASSWORD": "of the gate"}
HBA = {"hba[local all postgres].method", "hba[local all all].method"} | {
    f"hba[rules].{field}" for field in ("order", "undeclared", "loaded")
}


def documented() -> tuple[str, str]:
    """The section and the part of a spec in it."""
    section = DOCUMENT.read_text().partition("### The least rights of a gate\n")[2].partition("\n### ")[0]
    [block] = re.findall(r"^```yaml\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    return section, block


class Site:
    """A server that conforms, and the gate's login to it."""

    def __init__(self, folder: Path, server: Cluster, major: int) -> None:
        self.server, self.spec = server, folder / "shop.yaml"
        roles, databases = documented()[1].removeprefix("roles:\n").split("databases:\n")
        text = SPEC.replace("roles:\n", f"roles:\n{roles}").replace(
            "databases:\n", f"databases:\n{databases}"
        )
        self.spec.write_text(f"postgres: {major}\n{text}")
        self._put_rules()
        code, said = run(
            "apply", str(self.spec), "--dsn", server.dsn, "--yes", "--no-gate", "--allow-destructive"
        )
        assert code == 0, said
        self.execute("CREATE TABLE sales.item (id int); ALTER TABLE sales.item OWNER TO shop_owner", "shop")
        self.execute("GRANT SELECT ON sales.item TO shop_readers", "shop")

    def _put_rules(self) -> None:
        """In another folder than the data, as Debian has them."""
        file = self.server.data.parent / "pg_hba.conf"
        file.write_text("local all postgres trust\nlocal all all scram-sha-256\n")
        with (self.server.data / "postgresql.conf").open("a") as settings:
            settings.write(f"hba_file = '{file}'\n")
        self.server.restart()

    def execute(self, text: str, database: str = "postgres") -> None:
        with psycopg.connect(self.server.dsn, dbname=database, autocommit=True) as connection:
            connection.execute(text.encode())

    @contextmanager
    def without(self, privilege: str) -> Iterator[None]:
        self.execute(f"REVOKE {privilege} FROM gate")
        yield
        self.execute(f"GRANT {privilege} TO gate")

    def verdicts(self) -> dict[str, set[str]]:
        """The ids of each verdict, asked by the gate's own login."""
        gate = f"{self.server.dsn} user=gate password='{PASSWORDS['GATE_PASSWORD']}'"
        _, said = run("check", str(self.spec), "--dsn", gate, "--json")
        found: dict[str, set[str]] = {}
        for finding in json.loads(said)["targets"][0]["findings"]:
            found.setdefault(finding["verdict"], set()).add(finding["id"])
        return found


@pytest.fixture(scope="module", params=[14, 16, 18])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in PASSWORDS.items():
            patch.setenv(name, value)
        for server in cluster(request.param):
            yield Site(tmp_path_factory.mktemp("least"), server, request.param)


def test_with_what_is_documented_nothing_is_unreadable(site: Site) -> None:
    found = site.verdicts()
    assert found.keys() <= {"conforms", "inapplicable"}, {
        key: found[key] for key in found if key != "conforms"
    }
    tried = {"role[shop_app].password", "role[shop_app].logs_in", "role[shop_app].refuses_wrong_password"}
    assert tried <= found["conforms"]


LACKS = {
    "hidden settings": ("pg_read_all_settings", HBA | {"setting[log_filename].value"}),
    "lines of files": ("SELECT ON pg_file_settings", {"setting[files].loaded"}),
    "what reads lines of files": (
        "EXECUTE ON FUNCTION pg_show_all_file_settings()",
        {"setting[files].loaded"},
    ),
    "rules": ("SELECT ON pg_hba_file_rules", HBA),
    "what reads rules": ("EXECUTE ON FUNCTION pg_hba_file_rules()", HBA),
    "text of rules": ("EXECUTE ON FUNCTION pg_read_binary_file(text)", HBA),
    "times of rules": ("EXECUTE ON FUNCTION pg_stat_file(text)", HBA),
    "files outside of the data directory": ("pg_read_server_files", HBA),
}


@pytest.mark.parametrize("lacking", LACKS)
def test_without_one_of_them_what_hangs_on_it_is_unreadable(site: Site, lacking: str) -> None:
    privilege, unreadable = LACKS[lacking]
    with site.without(privilege):
        assert site.verdicts()["unreadable"] == unreadable


def test_without_connect_the_database_is_blocked(site: Site) -> None:
    with site.without("CONNECT ON DATABASE shop"):
        found = site.verdicts()
    assert "grant[shop: CONNECT on database to gate, shop_app].granted" in found["drifts"]
    assert {"schema[shop: sales].owner", "grant[shop].undeclared"} <= found["blocked"]
    assert not [check for check in found["conforms"] if "[shop: sales" in check]
