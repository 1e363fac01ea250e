"""The licences of what pgdeploy runs with.

python -m scripts.licences            writes docs/licences.md anew
python -m scripts.licences --check    says which are not allowed, and in what that page is not true
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from email.message import Message
from importlib.metadata import Distribution
from typing import cast

from scripts.declared import ROOT
from scripts.runtime import runtime

PAGE = ROOT / "docs" / "licences.md"

ALLOWED = frozenset(
    {
        *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "ZPL-2.1"),
        # Copyleft that ends at the library: pgdeploy imports these, unchanged, and its user can replace them.
        *("LGPL-2.1", "LGPL-3.0-only", "MPL-2.0"),
    }
)
"""By SPDX identifier."""

CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""What the last part of a trove classifier means, for distributions that give no expression."""

TITLES = {"The MIT License (MIT)": "MIT", "MIT License": "MIT"}
"""First lines of licences."""

HEAD = """\
# Licences

What `pip install 'pgdeploy[embedded,gate,host,container,proxmox,bench,migration,backup]'` brings, and under which
licence, as each distribution declares it (SPDX). `make licences` writes this page; `make lint` fails on a licence that
`scripts/licences.py` does not allow.

| distribution | licence |
|---|---|
"""


def main(arguments: list[str]) -> int:
    licences = {name: licence(one) for name, one in runtime().items()}
    found = list(forbidden(licences))
    page = render(licences)
    if arguments != ["--check"]:
        PAGE.write_text(page, encoding="utf-8")
    elif page != PAGE.read_text(encoding="utf-8"):
        found.append(
            "docs/licences.md is not what this environment has: make licences, and read what changed"
        )
    print(*found, sep="\n", end="\n" if found else "")
    return bool(found)


def forbidden(licences: dict[str, str]) -> Iterator[str]:
    for name, expression in licences.items():
        if not allowed(expression):
            yield (
                f"{name} is under {expression}, which scripts/licences.py does not allow: "
                "do without it, or allow the licence there and say why"
            )


def allowed(expression: str) -> bool:
    """Whether one of the choices of an SPDX expression without parentheses is allowed, in all its parts."""
    return any(ALLOWED.issuperset(choice.split(" AND ")) for choice in expression.split(" OR "))


def licence(of: Distribution) -> str:
    """The SPDX expression that a distribution declares, or what its older fields say; `unknown` without any."""
    metadata = cast("Message", of.metadata)
    if expression := metadata["License-Expression"]:
        return str(expression)
    classifiers = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", ()) if "License ::" in line
    ]
    known = sorted({CLASSIFIERS.get(one, one) for one in classifiers})
    return " OR ".join(known) or metadata["License"] or _of_text(of) or "unknown"


def _of_text(of: Distribution) -> str:
    """By the first line of the licence's own text, where metadata say nothing but the name of that file."""
    name = of.metadata["License-File"]
    text = of.read_text(f"licenses/{name}") if name else None
    return TITLES.get(text.splitlines()[0].strip(), "") if text else ""


def render(licences: dict[str, str]) -> str:
    return HEAD + "".join(f"| {name} | {expression} |\n" for name, expression in licences.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
