"""Advice and rules as text: what the command prints, and the table of all rules in docs/lint.md."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from pgdeploy.lint.rule import Advice, Rule

if TYPE_CHECKING:
    from pgdeploy.spec.place import Place

TOPICS = {
    "PGD0": "The virtual machine",
    "PGD1": "Memory",
    "PGD2": "Durability and WAL",
    "PGD3": "Workers",
    "PGD4": "Access",
    "PGD5": "Passwords",
    "PGD6": "Privileges",
    "PGD7": "Backup",
    "PGD8": "Unused",
    "PGD9": "Waivers",
}
"""The groups of ids."""

_HEAD = """# Advice: the rules of `pgdeploy lint`

`pgdeploy lint TARGET` gives advice from the spec alone, without a server. `pgdeploy lint --explain ID` prints what
stands here of one rule. An **error** will fail, lose data or let anybody in; a **warning** will hurt some day; a
**note** is worth knowing. The command's exit status is 2 when there are errors or warnings, else 0.

Advice that does not hold here is silenced in the spec, with a reason and a date:

    waivers:
      - {rule: PGD505, on: 'setting[log_statement]', reason: DDL is audited; the log is guarded, until: 2027-01-01}

`on` is the address that the command prints; without it the waiver holds for every address. After its date it
silences nothing. With `check:` in the place of `rule:` a waiver lets one check of the gate be red, see
[the gate](gate.md#waivers). Settings that are not written count with the default of the spec's version of PostgreSQL.

This page is made from the rules: `python -m pgdeploy.lint > docs/lint.md`.
"""


def line(advice: Advice, place: Place) -> str:
    """One line: `FILE:LINE:COLUMN: severity ID address: message`."""
    return f"{place}: {advice.text}"


def explanation(rule: Rule) -> str:
    """All there is to say about a rule."""
    return f"{rule.id} ({rule.severity}): {rule.title}\n\n{rule.explanation}\n\nSource: {rule.source}"


def page(rules: Iterable[Rule]) -> str:
    """docs/lint.md: the table of all rules, then each with its explanation."""
    return "\n".join(_page(list(rules)))


def _page(rules: list[Rule]) -> Iterator[str]:
    yield _HEAD
    yield "| id | severity | |\n|---|---|---|"
    for rule in rules:
        yield f"| [{rule.id}](#{rule.id.lower()}) | {rule.severity} | {rule.title} |"
    topic = ""
    for rule in rules:
        if rule.id[:4] != topic:
            topic = rule.id[:4]
            yield f"\n## {TOPICS[topic]}"
        yield f"\n### {rule.id}\n\n**{rule.severity}: {rule.title}**\n\n{rule.explanation}\n\nSource: {rule.source}"
    yield ""
