"""Laws of specs, offline: what is rendered loads as the same, what cannot converge is refused with its place."""

from __future__ import annotations

import re
from collections import Counter
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.core.check import Check
from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.gate.target import Target
from pgdeploy.model.spec import Spec
from pgdeploy.spec.render import render
from tests.editor import faults
from tests.properties.law import law
from tests.properties.mutation import MUTATIONS, Mutation, as_yaml
from tests.properties.server import load
from tests.properties.strategy import specs

MAJORS = st.sampled_from([14, 15, 16, 17, 18])
LINE = re.compile(r"^.+?\.yaml:\d+:\d+: .+", re.DOTALL)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("laws") / "law.yaml"


def saved(file: Path, text: str) -> Path:
    file.write_text(text, encoding="utf-8")
    return file


@law(100)
@given(spec=MAJORS.flatmap(specs))
def test_rendered_is_the_same_spec(file: Path, spec: Spec) -> None:
    first = load_spec(saved(file, render(spec)))
    again = load_spec(saved(file, render(first.value)))
    assert first.value == spec
    assert again.value == spec
    assert again.digest == first.digest


@law(50)
@given(spec=MAJORS.flatmap(specs))
def test_editors_accept_it(spec: Spec) -> None:
    assert faults(render(spec)) == []


@law(50)
@given(spec=MAJORS.flatmap(specs))
def test_each_check_has_an_id_of_its_own_and_a_place(spec: Spec) -> None:
    target = load(spec)
    ids = Counter(check.id for check in target.checks)
    assert [known for known, number in ids.items() if number > 1] == []
    assert all(target.place(check).line > 0 for check in target.checks)


@law(50)
@given(spec=MAJORS.flatmap(specs))
def test_probes_are_known_offline_too(spec: Spec) -> None:
    ids = Counter(probe.id for probe in load(spec).probes)
    assert [known for known, number in ids.items() if number > 1] == []


@pytest.mark.parametrize("mutation", MUTATIONS, ids=map(str, range(len(MUTATIONS))))
@law(3)
@given(data=st.data())
def test_what_cannot_converge_is_refused(file: Path, mutation: Mutation, data: st.DataObject) -> None:
    spec = data.draw(specs(data.draw(MAJORS)))
    text = as_yaml(mutation(spec, data.draw))
    with pytest.raises(SpecError) as refused:
        load_spec(saved(file, text))
    assert refused.value.problems
    assert [problem for problem in refused.value.problems if not LINE.match(problem)] == []


JUNK: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, -1, 0, 1.5, "", "postgres", "PUBLIC", "public", "pg_x", "none", "x" * 64, "ALL"),
        *("database", "2031-01-01", "infinity", "\u0085", "64MB", "template0", [], {}, [[]], [{}]),
        *(["postgres"], {"role": "postgres"}, {"postgres": {}}, {"a": {"b": "c"}}, {"env": "X"}),
        *({"schema": "public"}, {"schema": "public", "all": "tables"}),
    ]
)


def nodes(data: Any) -> list[tuple[Any, Any]]:
    """Every place of the data where something else can be put."""
    places: list[tuple[Any, Any]] = []
    if isinstance(data, dict):
        places = list(data.items())
    elif isinstance(data, list):
        places = list(enumerate(data))
    return [(data, key) for key, _ in places] + [place for _, inner in places for place in nodes(inner)]


@law(200)
@given(data=st.data())
def test_anything_in_any_place_loads_or_is_refused_with_its_place(file: Path, data: st.DataObject) -> None:
    spec = data.draw(specs(data.draw(MAJORS)))
    plain = spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for _ in range(data.draw(st.integers(1, 3))):
        where, key = data.draw(st.sampled_from(nodes(plain)))
        where[key] = deepcopy(data.draw(JUNK))  # or the second could be put into the first, which is itself
    problems: list[str] = []
    checks: list[Check] = []
    try:
        target = Target(file, load_spec(saved(file, as_yaml(plain))))
        checks += [*target.checks, *target.probes]
    except SpecError as refused:
        problems += refused.problems
    assert bool(problems) is not bool(checks)
    assert all(target.place(check).line > 0 for check in checks)
    assert [problem for problem in problems if not LINE.match(problem)] == []
