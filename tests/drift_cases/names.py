"""The names in the spec, the cases and their SQL: ordinary ones, and ones that break what is not quoted.

Texts say `$app`, and are rendered three ways: as an identifier in SQL, as a quoted string in YAML, and as
check ids show it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from string import Template

from pgdeploy.layers.server.change import ident
from pgdeploy.text.naming import quoted_name

_ROLES = (
    *("app", "reader", "writer", "boss", "ops", "team", "crew", "lead", "maker", "keeper"),
    *("gone", "left", "stray"),
)
_DATABASES = ("db", "tpl", "copy", "closed", "located", "other")
_OBJECTS = (
    "sky",
    "bare",
    "galaxy",
    "label",
    "area",
    "magnitude",
    "counter",
    "archive",
    "archive_fdw",
    "disk",
)

PLAIN: Mapping[str, str] = {key: key for key in (*_ROLES, *_DATABASES, *_OBJECTS)} | {"of_team": "+team"}

HOSTILE: Mapping[str, str] = {
    "app": 'a"b',
    "reader": "x; DROP TABLE y",
    "writer": "Ünï cødé",
    "boss": "ü" * 31 + "b",  # 63 bytes
    "ops": "%s {} %(x)s",
    "team": "select",
    "crew": "it's",
    "lead": "back\\slash",
    "maker": "$body$ -- '",
    "keeper": "{0}'$$",
    "gone": " blanks ",
    "left": "Public",
    "stray": "new\nline",
    "db": 'a/b.c"d,e',
    "tpl": "tem plate\t",
    "copy": "Кот\\n",
    "closed": "user=postgres dbname=template1",
    "located": "postgresql://x",
    "other": "{other}",
    "sky": "Sky.Map",
    "bare": "bare]",
    "galaxy": 'ga"la;xy',
    "label": 'la,bel "x"',
    "area": "area(integer)",
    "magnitude": "ma g",
    "counter": "%",
    "archive": "ar[chi]ve",
    "archive_fdw": "'; --",
    "disk": "DISK",
    "of_team": "+select",
}


@dataclass(frozen=True, slots=True)
class Names:
    """What the placeholders stand for."""

    by_key: Mapping[str, str]

    def sql(self, text: str) -> str:
        return self._render(text, {key: ident(known) for key, known in self.by_key.items()}, self._type())

    def yaml(self, text: str) -> str:
        return self._render(
            text, {k: json.dumps(v) for k, v in self.by_key.items()}, json.dumps(self._type())
        )

    def id(self, text: str) -> str:
        return self._render(
            text, {key: quoted_name(known) for key, known in self.by_key.items()}, self._type()
        )

    def _type(self) -> str:
        """The type `magnitude` as the server names it among a function's arguments."""
        parts = (self.by_key["sky"], self.by_key["magnitude"])
        return ".".join(part if part.islower() and part.isidentifier() else ident(part) for part in parts)

    def _render(self, text: str, values: Mapping[str, str], type_name: str) -> str:
        return Template(text).substitute(values, magnitude_type=type_name)
