"""PGD85x: what a file changes of those that it extends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pgdeploy.lint.rule import Hit, Severity, rule
from pgdeploy.lint.subject import Subject
from pgdeploy.spec.place import dotted

_SPEC = "docs/spec.md, What environments share"
_NOTABLE = 2
"""Lines: one that is replaced by another is what files are extended for."""


@rule("PGD851", Severity.NOTE, "a list or section of a base is replaced", _SPEC)
def replaced_lines(subject: Subject) -> Iterator[Hit]:
    """Where a file extends another, mappings are merged key by key, but a list takes the place of the list
    that it meets, and null takes all away that stood there. Grants or rules of pg_hba.conf that every
    environment has can be lost so without anybody meaning it, and what the base gains later does not come
    to this file. To add to a list, write its new lines under `append:`. Where the base's lines are not
    wanted here, say so in a waiver. `pgdeploy render` prints what the files come to together."""
    last = {one.keys: one for one in subject.replaced}
    for keys, one in last.items():
        if one.lines >= _NOTABLE:
            base = f"{Path(one.place.file).name}:{one.place.line}"
            message = f"replaces {one.lines} lines of {base}; to keep them, write what is new under `append:`"
            yield Hit(f"spec[{dotted(keys)}]", keys, message)


RULES = (replaced_lines,)
