"""Files and folders: there, whose they are, and what is in them. Those of `file.py`, and those that hold secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path as LocalPath
from typing import TYPE_CHECKING, Any, ClassVar

from pgdeploy.core.check import Check, Outcome, Resource, same
from pgdeploy.errors import Unreadable
from pgdeploy.layers.host import guest, mount
from pgdeploy.layers.host.file import exporter_folder, files, password_file
from pgdeploy.layers.host.layout import FIREWALL_FILE, MIRROR_KEY
from pgdeploy.layers.host.resource import HostResource, entry, section
from pgdeploy.local.path import absent
from pgdeploy.model.host.package import MirrorSpec
from pgdeploy.secret.place import shown_line
from pgdeploy.text.counted import counted

if TYPE_CHECKING:
    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.host.declared import DeclaredHost
    from pgdeploy.spec.place import Keys


ANY_CODENAME = "stable"
"""Only the text of the apt source needs the host's own, which nobody knows offline."""


@dataclass(frozen=True, slots=True)
class Path(HostResource):
    """One file or folder. `readable`: its text is compared, and never shown with secrets; `local`: with ours."""

    kind: ClassVar[str] = "file"
    declared: DeclaredHost
    path: str
    owner: str
    group: str
    mode: str
    keys: Keys
    readable: bool = False
    local: str | None = None
    type: str = "file"

    def checks(self) -> Iterator[Check]:
        address = f"file[{self.path}]"
        yield Check(self, address, "exists", self.keys, self._exists)
        for field in ("owner", "group", "mode"):
            yield Check(self, address, field, self.keys, self._comparing(field))
        if self.readable:
            yield Check(self, address, "content", self.keys, self._content)

    def parents(self, check: Check) -> Iterator[Check]:
        if check.field != "exists":
            yield next(self.checks())
        elif self.path == self.declared.layout.data_directory:
            yield from guest.under(self.declared, self.path)
            yield from mount.mounted(self.declared)

    def _fact(self, facts: Facts) -> Any:
        return entry(facts, "paths", self.path)

    def _exists(self, facts: Facts) -> Outcome:
        known = self._fact(facts)
        return same(self.type, "absent" if known is None else known["type"], remedy=self.declared.remedy())

    def _comparing(self, field: str) -> Callable[[Facts], Outcome]:
        def compare(facts: Facts) -> Outcome:
            return same(getattr(self, field), self._fact(facts)[field], remedy=self.declared.remedy())

        return compare

    def _content(self, facts: Facts) -> Outcome:
        desired, actual = self._text(facts), self._fact(facts)["text"]
        if desired == actual:
            return Outcome(True, "as the spec makes it", "as the spec makes it")
        number, one, other, more = difference(desired, actual)
        suffix = f" (and {counted(more, 'line')} more)" if more else ""
        origin = f"{self.path}:{number}"
        return Outcome(
            False,
            f"line {number}: {one}",
            f"line {number}: {other}{suffix}",
            origin,
            remedy=self.declared.remedy(),
        )

    def _text(self, facts: Facts) -> str:
        if self.local is not None:
            try:
                return LocalPath(self.local).read_text(encoding="utf-8")
            except OSError as error:
                raise Unreadable(
                    f"{self.local}: {error.strerror}; it says what {self.path} must be{absent(error)}"
                ) from None
        made = facts.once(_made, self.declared)
        return made[self.path]


def _made(facts: Facts, declared: DeclaredHost) -> dict[str, str]:
    """The text of each file as this host must have it."""
    return {
        file.path: file.text for file in files(declared.spec, section(facts, "os")["codename"], reveal=True)
    }


def difference(desired: str, actual: str) -> tuple[int, str, str, int]:
    """The first line that differs: its number, it and its counterpart, and how many more differ."""
    pairs = list(zip_longest(desired.splitlines(), actual.splitlines()))
    differing = [at for at, (one, other) in enumerate(pairs) if one != other]
    if not differing:
        return len(pairs), "the end of the file", "another end of the file", 0
    one, other = map(_line, pairs[differing[0]])
    return differing[0] + 1, one, f"{other} (another secret)" if one == other else other, len(differing) - 1


def _line(text: str | None) -> str:
    return "no such line" if text is None else shown_line(text) or "an empty line"


def paths(declared: DeclaredHost) -> Iterator[Path]:
    """Everything that is asked about."""
    layout, tls = declared.layout, declared.host.tls
    for file in files(declared.spec, ANY_CODENAME):
        keys = _keys(declared, file.path)
        yield Path(declared, file.path, file.owner, file.group, file.mode, keys, readable=True)
    where: Keys = ("settings", "data_directory")
    yield Path(declared, layout.data_directory, "postgres", "postgres", "0700", where, type="directory")
    if tls is not None:
        given, keys = tls.certificate is not None, ("host", "tls", "certificate")
        yield Path(declared, layout.certificate, "postgres", "postgres", "0644", keys, given, tls.certificate)
        yield Path(declared, layout.key, "postgres", "postgres", "0600", ("host", "tls", "key"))
    source = declared.host.packages.source
    if isinstance(source, MirrorSpec):
        keys = ("host", "packages", "source", "key")
        yield Path(declared, MIRROR_KEY, "root", "root", "0644", keys, True, source.key)
    yield from _of_exporter(declared)


def _of_exporter(declared: DeclaredHost) -> Iterator[Path]:
    """The password, and what keeps others from it."""
    exporter = declared.host.exporter
    if exporter is None or exporter.login != "password":
        return
    keys: Keys = ("host", "exporter", "login")
    file = password_file(exporter)
    yield Path(declared, file.path, file.owner, file.group, file.mode, keys)
    if exporter.run == "compose":
        keys, file = ("host", "exporter", "folder"), exporter_folder(exporter)
        yield Path(declared, file.path, file.owner, file.group, file.mode, keys, type="directory")


def _keys(declared: DeclaredHost, path: str) -> Keys:
    """The part of the spec that a file of `file.py` is made from."""
    layout = declared.layout
    known: dict[str, Keys] = {
        layout.settings_file: ("settings",),
        layout.hba_file: ("hba",),
        layout.ident_file: ("ident",),
        layout.disks_file: ("vm", "disks"),
        FIREWALL_FILE: ("host", "firewall"),
        "/etc/sysctl.d/60-pgdeploy.conf": ("host", "kernel"),
        "/etc/tmpfiles.d/pgdeploy.conf": ("host", "kernel"),
    }
    if path in known:
        return known[path]
    if "exporter" in path:
        return ("host", "exporter")
    return ("host", "limits") if layout.unit in path else ("host", "packages")


def certificate(declared: DeclaredHost) -> Check:
    """Whether the certificate's file is there."""
    return next(next(path for path in paths(declared) if path.path == declared.layout.certificate).checks())


def pair(declared: DeclaredHost) -> Iterator[Check]:
    """Whether the files of certificate and key are there."""
    both = declared.layout.certificate, declared.layout.key
    yield from (next(path.checks()) for path in paths(declared) if path.path in both)


def data_directory(declared: DeclaredHost) -> Check:
    """Whether the data directory is there."""
    folder = declared.layout.data_directory
    return next(next(path for path in paths(declared) if path.path == folder).checks())


def resources(declared: DeclaredHost) -> Iterator[Resource]:
    yield from paths(declared)
