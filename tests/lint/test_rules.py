"""Every rule speaks of its example, of nothing else there, at the right place; and not of its mended twin."""

from __future__ import annotations

import pytest

from pgdeploy.lint import RULES, Rule, line
from tests.lint.advice import Read, advise, whole
from tests.lint.cases import CASES, Case


def _name(case: Case) -> str:
    return f"{case.rule}-{case.address}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_a_rule_speaks_of_its_example_and_nothing_else_does(case: Case, read: Read) -> None:
    loaded = read(case.spec)
    advices = advise(loaded)
    printed = [line(advice, loaded.place(advice.keys)) for advice in advices]
    assert [(advice.rule.id, advice.address) for advice in advices] == [(case.rule, case.address)], printed
    assert case.says in advices[0].message
    marked = next(
        number for number, text in enumerate(whole(case.spec).split("\n"), 1) if text.endswith("#!")
    )
    assert loaded.place(advices[0].keys).line == marked


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_nothing_is_said_of_the_mended_twin(case: Case, read: Read) -> None:
    assert case.old in case.spec
    loaded = read(case.spec.replace(case.old, case.new))
    assert [line(advice, loaded.place(advice.keys)) for advice in advise(loaded)] == []


def test_every_rule_has_an_example() -> None:
    assert {case.rule for case in CASES} == {rule.id for rule in RULES}


def test_ids_are_unique_and_in_order() -> None:
    known = [rule.id for rule in RULES]
    assert known == sorted(set(known))
    assert all(len(known) == 6 and known.startswith("PGD") and known[3:].isdigit() for known in known)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_explains_itself(rule: object) -> None:
    assert isinstance(rule, Rule)
    assert rule.title
    assert not rule.title.endswith(".")
    assert rule.source
    assert rule.explanation.endswith(".")
    assert rule.explanation.count(".") >= 2
    assert 200 < len(rule.explanation) < 1100
