"""Libraries that are missing or broken, and would end every login: none is set, and the server stays reachable."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.errors import ApplyError, TargetError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.plan import Plan
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing
from tests.conftest import FAST, copied, not_conforming
from tests.diff import diff

BROKEN, NO_MAGIC, PLUGIN = "broken", "nomagic", "harmless"


@pytest.fixture(scope="module", params=[14, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """PostgreSQL with a library that is none, one that is no module of PostgreSQL's, and one for every session."""
    with tempfile.TemporaryDirectory(prefix="pgdeploy-test-") as folder:
        programs = copied(request.param, Path(folder))
        libraries = next(programs.parent.rglob("plpgsql.so")).parent
        (libraries / f"{BROKEN}.so").write_text("no library")
        some = next(file for file in libraries.parent.rglob("libpq*.so*") if file.is_file())
        shutil.copy(some, libraries / f"{NO_MAGIC}.so")
        (libraries / "plugins").mkdir(exist_ok=True)
        shutil.copy(libraries / "dict_snowball.so", libraries / "plugins" / f"{PLUGIN}.so")
        cluster = Cluster(Path(folder) / "home", programs, options=FAST)
        cluster.start()
        cluster.write_hba(f"local all app trust\n{cluster._own_rules()}", whole=True)
        with closing(cluster.open()) as connection:
            connection.execute("CREATE ROLE app LOGIN")
            connection.execute("SELECT pg_reload_conf()")
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def clean(server: Cluster) -> Iterator[Cluster]:
    yield server
    with closing(server.open()) as connection:
        for setting in ("shared", "session", "local"):
            connection.execute(f"ALTER SYSTEM RESET {setting}_preload_libraries".encode())
        connection.execute("ALTER SYSTEM RESET work_mem")
        for whose in ("ROLE app", "ROLE app IN DATABASE postgres", "DATABASE postgres"):
            connection.execute(f"ALTER {whose} RESET ALL".encode())
        connection.execute("SELECT pg_reload_conf()")


def _gate(
    server: Cluster, folder: Path, *, settings: str = "", role: str = "", database: str = "", dsn: str = ""
) -> Gate:
    with closing(server.open()) as connection:
        major = connection.info.server_version // 10000
    file = folder / "shop.yaml"
    file.write_text(
        f"postgres: {major}\nconnect: {{dsn: host=x}}\nsettings: {{work_mem: 5MB, {settings}}}\n"
        f"roles: {{postgres: {{superuser: true, login: true}}, app: {{login: true, {role}}}}}\n"
        f"databases: {{postgres: {{{database}}}}}\n"
    )
    return Gate(load_target(file), ConnectionOptions(dsn=dsn or server.dsn), probes=False)


def _lets_in(server: Cluster) -> bool:
    """A new session, as others get it."""
    with closing(server.open(configured=False)) as connection:
        return connection.execute("SELECT true").fetchone() == (True,)


def _changes(planned: Plan) -> list[str]:
    return [statement.text for change in planned.changes for statement in change.statements]


SETTING = "setting[{}_preload_libraries].value"
MISSING = {
    "session": ({"settings": "session_preload_libraries: [no_such]"}, SETTING.format("session")),
    "shared": ({"settings": "shared_preload_libraries: [no_such]"}, SETTING.format("shared")),
    "local": ({"settings": "local_preload_libraries: [no_such]"}, SETTING.format("local")),
    "no plugin": ({"settings": "local_preload_libraries: [$libdir/plpgsql]"}, SETTING.format("local")),
    "one of two": ({"settings": "session_preload_libraries: 'plpgsql, no_such'"}, SETTING.format("session")),
    "in other letters": (
        {"settings": "Session_Preload_Libraries: [PLPGSQL]"},
        "setting[Session_Preload_Libraries].value",
    ),
    "of a role": (
        {"role": "settings: {session_preload_libraries: [no_such]}"},
        "role[app].settings[session_preload_libraries]",
    ),
    "of a role in a database": (
        {"role": "settings_in: {postgres: {local_preload_libraries: [no_such]}}"},
        "role[app].settings[local_preload_libraries].in[postgres]",
    ),
    "of a database": (
        {"database": "settings: {session_preload_libraries: [no_such]}"},
        "database[postgres].settings[session_preload_libraries]",
    ),
    "by a way out": (
        {"settings": "session_preload_libraries: ['$libdir/../plpgsql']"},
        SETTING.format("session"),
    ),
}


@pytest.mark.parametrize("where", MISSING)
def test_a_missing_library_is_said_in_the_plan_and_the_rest_is_made(
    clean: Cluster, tmp_path: Path, where: str
) -> None:
    words, stuck = MISSING[where]
    gate = _gate(clean, tmp_path, **words)
    planned = gate.plan()
    (found,) = planned.stuck
    assert found.check.id == stuck
    assert re.match("no library|.* is no name of a file", found.remedy.text)
    assert _changes(planned) == ["ALTER SYSTEM SET \"work_mem\" TO '5MB'"]
    gate.apply(planned)
    assert _lets_in(clean)
    gate.close()


def test_a_library_in_a_folder_of_anybody_is_never_loaded(clean: Cluster, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="pgdeploy-test-") as folder:
        Path(folder).chmod(0o777)
        library = Path(folder) / "dict_snowball.so"
        shutil.copy(next(clean._bin.parent.rglob("dict_snowball.so")), library)
        gate = _gate(clean, tmp_path, settings=f"session_preload_libraries: [{library}]")
        planned = gate.plan()
        assert [f.check.id for f in planned.stuck] == [SETTING.format("session")]
        assert not any(change.loads for change in planned.changes)
        gate.close()


@pytest.mark.parametrize("library", [BROKEN, NO_MAGIC])
@pytest.mark.parametrize(
    "words",
    [
        {"settings": "session_preload_libraries: [$]"},
        {"settings": "shared_preload_libraries: [plpgsql, $]"},
        {"role": "settings: {session_preload_libraries: [$]}"},
        {"database": "settings: {session_preload_libraries: [$]}"},
    ],
    ids=lambda words: next(iter(words.values())),
)
def test_one_that_does_not_load_stops_the_apply_before_anything_is_done(
    clean: Cluster, tmp_path: Path, words: dict[str, str], library: str
) -> None:
    gate = _gate(clean, tmp_path, **{key: text.replace("$", library) for key, text in words.items()})
    planned = gate.plan()
    assert planned.stuck == ()
    with pytest.raises(ApplyError, match=f"the library {library} does not load") as stopped:
        gate.apply(planned)
    assert f"done: 0 of {len(planned.changes)} changes" in stopped.value.lines
    assert _changes(gate.plan()) == _changes(planned)
    assert _lets_in(clean)
    gate.close()


GOOD = {
    "session": {"settings": "session_preload_libraries: [plpgsql]"},
    "with its folder": {"settings": "session_preload_libraries: [$libdir/plpgsql, dict_snowball.so]"},
    "local": {"settings": f"local_preload_libraries: [{PLUGIN}]"},
    "local with its folder": {"settings": f"local_preload_libraries: ['$libdir/plugins/{PLUGIN}']"},
    "of a role": {
        "role": f"settings: {{session_preload_libraries: [plpgsql], local_preload_libraries: {PLUGIN}}}"
    },
    "of a database": {"database": "settings: {session_preload_libraries: [plpgsql]}"},
    "none": {"database": "settings: {search_path: [public]}"},
}


@pytest.mark.parametrize("where", GOOD)
def test_one_that_loads_is_set(clean: Cluster, tmp_path: Path, where: str) -> None:
    gate = _gate(clean, tmp_path, **GOOD[where])
    planned = gate.plan()
    assert planned.stuck == ()
    gate.apply(planned)
    assert _changes(gate.plan()) == []
    assert not_conforming(diff(gate.target.checks, gate.facts)) == []
    assert _lets_in(clean)
    gate.close()


def test_one_that_only_the_server_may_load_is_set(server15: Cluster, tmp_path: Path) -> None:
    """LOAD of pgaudit says that it must be a shared one: that is where it goes."""
    gate = _gate(server15, tmp_path, settings="shared_preload_libraries: [pgaudit]")
    only = gate.plan().only(lambda change: bool(change.loads))
    gate.close()
    assert len(only.changes) == 1
    gate.apply(only)
    try:
        (waiting,) = (f for f in gate.plan().stuck if f.check.id == SETTING.format("shared"))
        assert "waits for a restart" in waiting.remedy.text
    finally:
        gate.close()
        with closing(server15.open()) as connection:
            connection.execute("ALTER SYSTEM RESET shared_preload_libraries")
    session = _gate(server15, tmp_path, settings="session_preload_libraries: [pgaudit]")
    with pytest.raises(ApplyError, match="must be loaded via"):
        session.apply(session.plan().only(lambda change: bool(change.loads)))
    session.close()


def test_who_is_no_superuser_cannot_try_and_sets_none(clean: Cluster, tmp_path: Path) -> None:
    settings = f"settings: {{work_mem: 7MB, local_preload_libraries: [{PLUGIN}]}}"
    gate = _gate(clean, tmp_path, role=settings, dsn=clean.dsn.replace("user=postgres", "user=app"))
    planned = gate.plan()
    said = {f.check.id: f.remedy.text for f in planned.stuck}
    assert "only a superuser can look for" in said["role[app].settings[local_preload_libraries]"]
    assert [text for text in _changes(planned) if "libraries" in text] == []
    gate.close()


# -- a server of our own -------------------------------------------------------------------------------


def _bad(server: Cluster) -> None:
    with closing(server.open()) as connection:
        connection.execute("ALTER SYSTEM SET shared_preload_libraries = 'no_such'")


def test_our_own_server_starts_again_without_it(clean: Cluster) -> None:
    _bad(clean)
    with pytest.raises(TargetError, match=r"the settings from before are back.*no_such"):
        clean.restart()
    assert _lets_in(clean)


def test_our_own_server_starts_after_a_kill_between_setting_and_restart(clean: Cluster) -> None:
    _bad(clean)
    clean.stop()
    clean.start()
    assert _lets_in(clean)
    assert b"no_such" not in (clean.data / "postgresql.auto.conf").read_bytes()


def test_what_our_own_server_does_not_ship_is_left_out(clean: Cluster, tmp_path: Path) -> None:
    gate = _gate(clean, tmp_path, settings="shared_preload_libraries: [no_such]")
    findings = {f.check.id: f for f in diff(gate.target.checks, gate.target.read(clean))}
    found = findings[SETTING.format("shared")]
    assert (found.verdict, "does not ship" in found.reason) == (Verdict.INAPPLICABLE, True)
    gate.close()
