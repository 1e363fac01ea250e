"""A first project: a spec with its lines explained, and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_SPEC, _TEST = "specs/{}.yaml", "specs/test_own.py"
_WORKFLOW, _IGNORED = ".github/workflows/specs.yml", ".gitignore"


class Kind(StrEnum):
    """What the server of a first spec is reached by, and made with."""

    EMBEDDED = "embedded"
    DSN = "dsn"
    HOST = "host"
    VM = "vm"


@dataclass(frozen=True, slots=True)
class Project:
    """What a first project is about."""

    name: str
    kind: Kind = Kind.EMBEDDED
    address: str = "db.example.org"
    """The host of the server, where it has one."""

    def files(self) -> Mapping[Path, str]:
        """The text of each file, by its path in the project."""
        return {Path(path): self._filled(text) for path, text in self._texts()}

    def _texts(self) -> Iterator[tuple[str, str]]:
        yield _SPEC.format(self.name), _text("spec.yaml") + self._more()
        yield f"specs/{self.name}.env.example", _text("env.example") + self._secrets()
        yield _TEST, _text("test_own.txt")
        yield _WORKFLOW, _text("ci.yml")
        yield _IGNORED, _text("gitignore")

    def _more(self) -> str:
        """Sections of the layers below the server."""
        if self.kind is Kind.VM:
            return _text("host.yaml") + _text("vm.yaml")
        return _text("host.yaml") if self.kind is Kind.HOST else ""

    def _secrets(self) -> str:
        return "PROXMOX_TOKEN=\n" if self.kind is Kind.VM else ""

    def _filled(self, text: str) -> str:
        words = {
            "@name@": self.name,
            "@host@": self.address,
            "@connect@": self._connect(),
            "@settings@": self._settings(),
        }
        for word, value in words.items():
            text = text.replace(word, value)
        return text

    def _settings(self) -> str:
        """`tls:` of a host sets `ssl`; data of a VM has a disk of its own."""
        if self.kind is Kind.VM:
            return f"  data_directory: /mnt/data/{self.name}\n"
        return "" if self.kind is Kind.HOST else "  ssl: on\n"

    def _connect(self) -> str:
        """With a VM ssh goes to its address, and an embedded server is reached by itself."""
        ways = {
            Kind.DSN: f"connect: {{dsn: host={self.address} user=postgres dbname=postgres}}\n",
            Kind.HOST: f"connect: {{ssh: {{host: {self.address}, user: root}}}}\n",
        }
        return ways.get(self.kind, "")


def _text(name: str) -> str:
    from importlib.resources import files  # the command line imports this room for its help

    return (files("pgdeploy.lifecycle") / "project" / name).read_text(encoding="utf-8")
