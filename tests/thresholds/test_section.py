"""`thresholds:` in a spec: its limits, and what is no limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.target import load_target
from pgdeploy.layers.host.layer import HostLayer
from pgdeploy.layers.threshold.check import _WHAT_TO_DO
from pgdeploy.layers.threshold.query import QUERIES
from pgdeploy.model.threshold import HOST, METRICS, WINDOW, ThresholdsSpec, number_of
from pgdeploy.text.quantity import shown

SPEC = "postgres: 16\nroles: {{postgres: {{superuser: true, login: true}}}}\nthresholds: {}\n"


def ids(folder: Path, thresholds: str) -> dict[str, str]:
    """The checks of these thresholds, and what each desires."""
    file = folder / "town.yaml"
    file.write_text(SPEC.format(thresholds))
    checks = load_target(file).checks_of("threshold")
    return {check.id: check.resource._desired for check in checks}  # type: ignore[attr-defined]


def test_only_what_is_written_is_measured(tmp_path: Path) -> None:
    assert ids(tmp_path, "{connections: {used: 80%}, locks: {longest_wait: {warn: 500ms}}}") == {
        "threshold[connections].used": "at most 80%",
        "threshold[locks].longest_wait": "no limit (warning: 500ms)",
    }


def test_the_preset_is_everything_and_what_is_written_counts_more(tmp_path: Path) -> None:
    """The figures of source 002: connections, locks, processors, memory, disk."""
    usual = ids(tmp_path, "{preset: standard}")
    assert list(usual) == [metric.id for metric in METRICS]
    assert {
        name: usual[f"threshold[{name}"]
        for name in ("connections].used", "locks].longest_wait", "disk].used")
    } == {
        "connections].used": "at most 90% (warning: 75%)",
        "locks].longest_wait": "at most 5s (warning: 1s)",
        "disk].used": "at most 70% (warning: 60%)",
    }
    assert usual["threshold[cpu].used"] == "at most 80% (warning: 70%), over 2s"
    own = ids(tmp_path, "{preset: standard, window: 10s, cpu: {used: 95%}, indexes: {unused: ignore}}")
    assert own.keys() == usual.keys() - {"threshold[indexes].unused"}
    assert own["threshold[cpu].used"] == "at most 95%, over 10s"


@pytest.mark.parametrize(
    ("thresholds", "said"),
    [
        ("{preset: nice}", "thresholds.preset: read \"nice\"; allowed: 'standard'"),
        ("{window: 3m}", 'thresholds.window: read "3m"; allowed: a number and one of d, h, min, s, ms, us'),
        ("{conections: {used: 3%}}", "thresholds.conections: unknown key; did you mean connections?"),
        (
            "{connections: {used: 300}}",
            "thresholds.connections.used: read 300; allowed: a percentage from 0% to 100%",
        ),
        (
            "{locks: {longest_wait: 5}}",
            "thresholds.locks.longest_wait: read 5; allowed: a number and one of d, h",
        ),
        (
            "{slots: {held: 5 apples}}",
            'thresholds.slots.held: read "5 apples"; allowed: a number and one of TB',
        ),
        ("{indexes: {invalid: many}}", 'thresholds.indexes.invalid: read "many"; allowed: a number'),
        ("{tables: {dead: {warm: 3%}}}", "thresholds.tables.dead.warm: unknown key; did you mean warn?"),
    ],
)
def test_what_is_no_limit_is_one_clear_error(thresholds: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SpecError) as raised:
        ids(tmp_path, thresholds)
    (problem,) = raised.value.problems
    assert problem.startswith(f"{tmp_path}/town.yaml:3:")
    assert said in problem


def test_each_quantity_is_measured_and_says_what_to_do() -> None:
    assert {(metric.thing, metric.field) for metric in METRICS} == {
        *QUERIES,
        ("temp_files", "written"),
        *((thing, "used") for thing in HOST),
    }
    assert (
        {metric.thing for metric in METRICS}
        == _WHAT_TO_DO.keys()
        == ThresholdsSpec.model_fields.keys()
        - {
            "preset",
            "window",
        }
    )
    assert {metric.thing for metric in METRICS} > {*WINDOW, *HOST}
    assert HostLayer.name == "host"
    for metric in METRICS:
        limits = [number_of(limit, metric.unit) for limit in (metric.warn, metric.fail) if limit is not None]
        assert limits == sorted(limits, reverse=metric.at_least), metric


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.25, "s", "0.25s"),
        (7200, "s", "2h"),
        (3 << 30, "B", "3GB"),
        (1536, "B/s", "1.5kB/s"),
        (12.345, "%", "12.3%"),
        (7, "", "7"),
    ],
)
def test_a_quantity_for_people(value: float, unit: str, text: str) -> None:
    assert shown(value, unit) == text


def test_the_docs_list_them_all_with_their_usual_limits() -> None:
    page = (Path(__file__).parents[2] / "docs/thresholds.md").read_text()
    for metric in METRICS:
        side = " (at least)" if metric.at_least else ""
        assert (
            f"| `{metric.id}` | {metric.text}{side} | {metric.warn or ''} | {metric.fail or ''} |\n" in page
        )
