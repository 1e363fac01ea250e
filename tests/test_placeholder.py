"""Settings with a prefix that no extension and no library of the spec has: of applications, or of nobody known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing
from tests.test_hba_file import reload

SPEC = """\
postgres: $major
undeclared: {roles: ignore, databases: ignore}
settings: {app.tenant: acme}
"""


@pytest.fixture(params=[14, 16, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    found: Cluster = request.getfixturevalue(f"server{request.param}")
    file = found.data / "postgresql.auto.conf"
    before = file.read_text()
    yield found
    file.write_text(before)
    run(found, "ALTER ROLE ALL RESET ALL")
    reload(found)


@pytest.fixture
def target(server: Cluster, tmp_path: Path) -> Target:
    return of(tmp_path, SPEC.replace("$major", (server.data / "PG_VERSION").read_text().strip()))


def of(folder: Path, text: str) -> Target:
    file = folder / "spec.yaml"
    file.write_text(text)
    return load_target(file)


def run(server: Cluster, text: str) -> None:
    with closing(server.open()) as connection:
        connection.execute(text)


def ask(target: Target, server: Cluster | DsnServer) -> Finding:
    facts = target.read(server)
    (check,) = (check for check in target.checks if check.id == "setting[app.tenant].value")
    return evaluate(check, facts)


def write(server: Cluster, line: str) -> None:
    file = server.data / "postgresql.auto.conf"
    file.write_text(f"{file.read_text()}{line}\n")
    reload(server)


@pytest.mark.parametrize("line", ["app.tenant = 'acme'", "App.Tenant=acme  # ours"])
def test_what_the_files_say_is_compared_and_the_check_says_that_it_is_no_more(
    target: Target, server: Cluster, line: str
) -> None:
    write(server, line)
    found = ask(target, server)
    assert (found.verdict, found.actual) == (Verdict.CONFORMS, "acme")
    assert found.note.startswith("PostgreSQL shows no value of a setting that nothing has defined")


def test_another_value_in_the_files_is_red(target: Target, server: Cluster) -> None:
    write(server, "app.tenant = 'other'")
    found = ask(target, DsnServer(server.dsn))
    assert (found.verdict, found.desired, found.actual) == (Verdict.DRIFTS, "acme", "other")


def test_what_all_roles_are_given_beats_the_files(target: Target, server: Cluster) -> None:
    write(server, "app.tenant = 'acme'")
    run(server, "ALTER ROLE ALL SET app.tenant = 'other'")
    found = ask(target, server)
    assert (found.verdict, found.actual, found.origin) == (Verdict.DRIFTS, "other", "ALTER ROLE ALL SET")
    apply(plan(target.spec, target.resources, target.read(server)), server)
    assert ask(target, server).verdict is Verdict.CONFORMS


def test_a_plan_sets_it_where_the_server_lets_it(target: Target, server: Cluster) -> None:
    """ALTER SYSTEM takes a name that nothing has defined from 17."""
    found = ask(target, DsnServer(server.dsn))
    assert (found.verdict, found.actual) == (Verdict.DRIFTS, "not set")
    planned = plan(target.spec, target.resources, target.read(server))
    if target.spec.postgres < 17:
        assert "before PostgreSQL 17 ALTER SYSTEM knows no app.tenant" in found.remedy.text
        assert ask(target, server).verdict is Verdict.INAPPLICABLE
        assert planned.changes == ()
        return
    assert found.remedy.text == ""
    apply(planned, server)
    assert ask(target, server).verdict is Verdict.CONFORMS
    assert plan(target.spec, target.resources, target.read(server)).changes == ()


@pytest.mark.parametrize(
    "setting",
    ["app.tenant", "auto_explain.log_min_duration", "AUTO_EXPLAIN.log_wal", "cron.host", "hnsw.ef_search"],
)
@pytest.mark.parametrize(
    "where",
    [
        "settings: {X: a}",
        "roles: {a: {settings: {X: a}}}",
        "databases: {a: {settings: {X: a}}}",
        "databases: {a: {}}\nroles: {a: {settings_in: {a: {X: a}}}}",
    ],
)
def test_a_setting_of_any_prefix_can_be_said_everywhere(tmp_path: Path, where: str, setting: str) -> None:
    of(tmp_path, f"postgres: 16\n{where.replace('X', setting)}\n")


@pytest.mark.parametrize("where", ["settings: {X: a}", "roles: {a: {settings: {X: a}}}"])
@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "auto_explain.log_min_durations",
            (
                "auto_explain has no setting auto_explain.log_min_durations; "
                "did you mean 'auto_explain.log_min_duration'?"
            ),
        ),
        (
            "auto_explian.log_analyze",
            (
                "auto_explian.log_analyze is a setting of auto_explain with a slip in it; "
                "did you mean 'auto_explain.log_analyze'?"
            ),
        ),
        ("pg_trgm.nothing_like_it", "pg_trgm has no setting pg_trgm.nothing_like_it"),
    ],
)
def test_a_slip_in_a_setting_of_a_known_library_is_an_error(
    tmp_path: Path, where: str, setting: str, said: str
) -> None:
    with pytest.raises(SpecError) as caught:
        of(tmp_path, f"postgres: 16\n{where.replace('X', setting)}\n")
    (problem,) = caught.value.problems
    assert "spec.yaml:2:" in problem
    assert problem.endswith(said)


def test_a_name_that_no_file_can_hold_is_an_error_of_the_server_alone(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="one dot after the extension's name"):
        of(tmp_path, "postgres: 16\nsettings: {app.settings.expiry: 3600}\n")
    of(tmp_path, "postgres: 16\ndatabases: {a: {settings: {app.settings.expiry: 3600}}}\n")
