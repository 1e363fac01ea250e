"""Names and values of others in what a run of pytest says: terminal, JUnit XML, JSON."""

from __future__ import annotations

import pytest

from pgdeploy.layers.server.change import ident, literal
from tests.output.hostile import FORGED, wrongs
from tests.plugin.site import TOWN, Site

pytest_plugins = ["pytester"]


def test_a_run_shows_nothing_as_it_is(site: Site) -> None:
    strays = [f"town~{number}{text}" for number, text in enumerate(FORGED.values())]
    values = list(FORGED.values())
    site.write(
        "specs/town.yaml",
        TOWN
        + "databases:\n  postgres: {}\nhba:\n  - {type: local, database: [all], user: [all], method: trust}\n",
    )
    try:
        site.execute(*(f"CREATE ROLE {ident(name[:60])}" for name in strays))
        site.execute(
            *(f"ALTER ROLE town_app SET a.b{at} = {literal(text)}" for at, text in enumerate(values))
        )
        site.execute(
            *(f"ALTER DATABASE postgres SET a.b{at} = {literal(text)}" for at, text in enumerate(values))
        )
        result = site.run("-rA", "-vv", "--junitxml", "junit.xml", "--pgdeploy-report", "report.json")
    finally:
        site.execute(
            *(f"DROP ROLE IF EXISTS {ident(name[:60])}" for name in strays),
            "ALTER DATABASE postgres RESET ALL",
        )
        site.execute("ALTER ROLE town_app RESET ALL")
    files = [(site.pytester.path / name).read_text(encoding="utf-8") for name in ("junit.xml", "report.json")]
    assert "forged" in "".join(result.outlines)
    for said in ("\n".join([*result.outlines, *result.errlines]), *files):
        assert wrongs(said) == []
        assert "forged" in said
        assert not [line for line in said.split("\n") if line.strip().startswith(("forged", "::", "\\!"))]


@pytest.mark.parametrize("arguments", [(), ("--tb=line",), ("-q", "-rf")])
def test_an_error_of_the_server_is_its_own_line(site: Site, arguments: tuple[str, ...]) -> None:
    said = site.run(*arguments, dsn=f"{site.server.dsn} dbname='x\n::error::forged\x1b[2J'")
    output = "\n".join([*said.outlines, *said.errlines])
    assert "forged" in output
    assert wrongs(output) == []


@pytest.mark.parametrize("name", ["x\n::error::forged", "x\x1b[2J", "##[error]forged"])
def test_a_path_that_pytest_would_print_as_it_is(site: Site, name: str) -> None:
    site.write(f"specs/{name}.yaml", TOWN)
    said = site.run(target=f"specs/{name}.yaml")
    output = "\n".join([*said.outlines, *said.errlines])
    assert "rename it: specs/" in output
    assert wrongs(output) == []
