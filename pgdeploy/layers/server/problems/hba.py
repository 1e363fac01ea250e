"""Rules that the server would refuse to load: with one in the file the next start fails."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.model.hba import SINCE, HbaIncludeSpec
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.hba import HbaRuleSpec
    from pgdeploy.model.spec import Spec
    from pgdeploy.spec.place import Keys


_TCP = ("host", "hostssl", "hostnossl", "hostgssenc", "hostnogssenc")


def problems(spec: Spec) -> Iterator[Problem]:
    """Every problem of `hba:`, each at its place."""
    for index, entry in enumerate(spec.hba or ()):
        if not isinstance(entry, HbaIncludeSpec):
            yield from _method(spec, entry, ("hba", index, "method"))
        elif spec.postgres < SINCE:
            word = entry.match.type
            text = f"{word} needs PostgreSQL {SINCE}; this spec says {spec.postgres}"
            yield Problem(("hba", index, word), text)


def _method(spec: Spec, rule: HbaRuleSpec, keys: Keys) -> Iterator[Problem]:
    """What PostgreSQL would refuse to load: with it in the file the next start fails."""
    if rule.method == "oauth" and spec.postgres < 18:
        yield Problem(keys, f"oauth needs PostgreSQL 18; this spec says {spec.postgres}")
    # ident on a local socket is peer
    needs = {"peer": ("local",), "cert": ("hostssl",), "gss": _TCP, "sspi": _TCP}.get(rule.method)
    if needs is not None and rule.type not in needs:
        yield Problem(
            keys, f"{rule.method} is for rules of type {' or '.join(needs)}; this one is {rule.type}"
        )
