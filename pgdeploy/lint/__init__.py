"""Advice from the spec alone: what PostgreSQL would accept, and somebody would regret.

Each topic is one file of rules; a rule is a function that finds, and its docstring says why. `RULES` is the
only registry. Waivers of the spec silence advice for a reason and until a date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import UnknownRule
from pgdeploy.lint import (
    access,
    backup,
    durability,
    inheritance,
    member,
    memory,
    method,
    password,
    privilege,
    repository,
    service,
    tls,
    unused,
    vm,
    waiver,
    wal,
    worker,
)
from pgdeploy.lint.order import position
from pgdeploy.lint.rule import Advice, Rule, Severity
from pgdeploy.lint.subject import Subject
from pgdeploy.lint.text import explanation, line
from pgdeploy.lint.waiver import valid_scopes, waived
from pgdeploy.text.problem import did_you_mean

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.merge import Replaced
    from pgdeploy.spec.place import Keys

__all__ = [
    "RULES",
    "Advice",
    "Rule",
    "Severity",
    "UnknownRule",
    "exit_code",
    "explain",
    "line",
    "lint",
    "valid_scopes",
    "waived",
]

RULES: tuple[Rule, ...] = (
    *vm.RULES,
    *memory.RULES,
    *durability.RULES,
    *wal.RULES,
    *worker.RULES,
    *access.RULES,
    *method.RULES,
    *tls.RULES,
    *password.RULES,
    *privilege.RULES,
    *member.RULES,
    *backup.RULES,
    *repository.RULES,
    *service.RULES,
    *unused.RULES,
    *inheritance.RULES,
    *waiver.RULES,
)


def lint(
    spec: Spec,
    today: date,
    place: Callable[[Keys], Any] | None = None,
    replaced: Sequence[Replaced] = (),
) -> list[Advice]:
    """All advice on a spec that no waiver silences, and what is wrong with the waivers.

    In order of place: by `place` (such as `Loaded.place`) when it is given, else in the order of the
    spec's sections and entries. `replaced`, such as `Loaded.replaced`, is what only the files show.
    """
    subject = Subject(spec, today, replaced)
    found = [Advice(rule, *hit) for rule in RULES for hit in rule.find(subject)]
    about_waivers = waiver.judge(spec, found, today, (rule.id for rule in RULES))
    scopes = valid_scopes(spec, today)
    left = [*(advice for advice in found if not waived(scopes, advice)), *about_waivers]
    order = place or (lambda keys: position(spec, keys))
    return sorted(left, key=lambda advice: (order(advice.keys), advice.rule.id))


def explain(rule_id: str) -> str:
    """What a rule is about, why, what to do, and where that is from.

    Raises:
        UnknownRule: there is none with this id.
    """
    known = {rule.id: rule for rule in RULES}
    rule = known.get(rule_id.upper())
    if rule is None:
        hint = did_you_mean(rule_id, known) or f"; they are {RULES[0].id} to {RULES[-1].id}, see docs/lint.md"
        raise UnknownRule(f"there is no rule {rule_id}{hint}")
    return explanation(rule)


def exit_code(advices: Iterable[Advice]) -> int:
    """0 when there is nothing or notes only, else 2."""
    return 2 if any(advice.rule.severity is not Severity.NOTE for advice in advices) else 0
