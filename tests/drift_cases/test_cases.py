"""Red and green: hand-written SQL breaks one thing on a real server, and pgdeploy says and mends just that."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.errors import ApplyError
from pgdeploy.layers.server.apply import apply
from tests.drift_cases.bench import SERVERS, Bench, Case
from tests.drift_cases.cases import CASES

PROOFS = [
    pytest.param(server, case, id=f"{server}: {kind}: {case.name}")
    for server, (major, _) in SERVERS.items()
    for kind, cases in CASES.items()
    for case in cases
    if case.fits(major)
]


@pytest.mark.parametrize(("server", "case"), PROOFS)
def test_red_then_green(benches: Callable[..., Bench], server: str, case: Case) -> None:
    benches(server, settled=False).prove(case)


@pytest.mark.parametrize("line", ["work_memory = 8MB", "!!!"])
def test_a_setting_that_the_server_cannot_load(benches: Callable[[str], Bench], line: str) -> None:
    """One bad line in a file, and the server takes nothing from any: apply says which line it is."""
    bench = benches("18")
    bench.run("ALTER SYSTEM SET work_mem = '9MB'")
    bench.append("postgresql.conf", line)
    with pytest.raises(
        ApplyError, match=r"refuses its configuration files as a whole: .*/postgresql.conf:\d+: "
    ):
        apply(bench.plan(bench.read()), bench.cluster)
    bench.put_back("postgresql.conf")
    bench.prove_green()


def _asked(bench: Bench, settings: str) -> dict[str, Finding]:
    """What is said of some more settings, by id."""
    target = bench.load(lambda text: text.replace("  work_mem: 8MB\n", f"  work_mem: 8MB\n  {settings}\n"))
    facts = target.read(bench.cluster)
    return {check.id: evaluate(check, facts) for check in target.checks}


@pytest.mark.parametrize("server", ["14", "18"])
def test_the_command_line_beats_the_files_after_a_reload(
    benches: Callable[[str], Bench], server: str
) -> None:
    bench = benches(server)
    bench.reload()
    running = bench.ask("SELECT setting FROM pg_settings WHERE name = 'max_connections' AND pending_restart")
    right = _asked(bench, f"max_connections: {running}")
    assert right["setting[max_connections].value"].verdict is Verdict.CONFORMS
    assert right["setting[max_connections].value"].origin == "command line"
    assert right["setting[files].loaded"].verdict is Verdict.CONFORMS
    wrong = _asked(bench, "max_connections: 123")["setting[max_connections].value"]
    assert (wrong.verdict, wrong.remedy.text) == (
        Verdict.DRIFTS,
        "it stands on the server's command line, which beats every file",
    )


@pytest.mark.parametrize("server", ["14", "18"])
def test_a_setting_of_a_library_that_sessions_load_is_read_in_the_files(
    benches: Callable[[str], Bench], server: str
) -> None:
    bench, check = benches(server), "setting[plpgsql.extra_warnings].value"
    bench.append("postgresql.conf", "plpgsql.extra_warnings = 'ALL'")
    same, other = (_asked(bench, f"plpgsql.extra_warnings: {word}")[check] for word in ("all", "none"))
    bench.put_back("postgresql.conf")
    assert same.verdict is Verdict.CONFORMS
    assert (other.verdict, other.actual) == (Verdict.DRIFTS, "all")
    assert other.remedy.text


@pytest.mark.parametrize("server", ["14", "18"])
def test_an_empty_list_is_not_reset_for_ever(benches: Callable[[str], Bench], server: str) -> None:
    bench, check = benches(server), "setting[local_preload_libraries].value"
    bench.append("postgresql.conf", "local_preload_libraries = 'plpgsql'")
    found = _asked(bench, "local_preload_libraries: []")[check]
    bench.put_back("postgresql.conf")
    assert found.remedy.text.startswith("ALTER SYSTEM cannot write an empty list; take the line out of ")
    assert "/postgresql.conf:" in found.remedy.text
    assert _asked(bench, "local_preload_libraries: []")[check].verdict is Verdict.CONFORMS
