"""A plan of Sqitch, which is read alone: sqitch runs it, and its registry says what was run."""

from __future__ import annotations

import configparser
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.errors import TargetError
from pgdeploy.layers.migration.scripts import Revision, Scripts
from pgdeploy.local.path import absent, read_named

if TYPE_CHECKING:
    from pgdeploy.model.migration import MigrationSpec

ROWS = """
SELECT c.change || CASE WHEN c.time > 1 THEN '#' || c.time ELSE '' END, coalesce(c.script_hash, '')
FROM (
    SELECT r.change::text, r.script_hash::text,
        pg_catalog.row_number() OVER (PARTITION BY r.change ORDER BY r.committed_at) AS time
    FROM ONLY {} AS r WHERE r.project = %s
) AS c
"""
"""The changes of a project in the registry's table: one that was reworked is there for each time."""
_PRAGMA = re.compile(r"\s*%(?P<name>[\w-]+)\s*=\s*(?P<value>.*?)\s*")
_CHANGE = re.compile(
    r"\s*\+?\s*(?P<name>[^\s@%#\[][^\s\[#]*)\s*(?:\[[^\]]*\])?\s+"
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\s+[^#]*?\s*(?:#\s*(?P<note>.*))?"
)


class _Change(NamedTuple):
    """A line of the plan. `time` counts the lines of this name; `tag` is the first tag after it."""

    name: str
    time: int
    note: str
    tag: str

    @property
    def revision(self) -> str:
        return self.name if self.time == 1 else f"{self.name}#{self.time}"


def project_of(section: MigrationSpec) -> str:
    """The name under which its changes are in the registry. Raises as `scripts_of` does."""
    plan = _file(section)
    for line in read_named(plan).splitlines():
        said = _PRAGMA.fullmatch(line)
        if said is not None and said["name"] == "project":
            return said["value"]
    raise TargetError(f"{plan}:1: has no line %project=NAME, so it is no plan of Sqitch")


def scripts_of(section: MigrationSpec) -> Scripts:
    """The changes in the order of the plan, each with the hash that the registry keeps of its deploy script.

    Raises:
        TargetError: there is no plan, or no deploy script of a change; or a line is none of a plan.
    """
    plan = _file(section)
    project_of(section)
    deploy = _deploy(plan.parent)
    changes = list(_changes(plan))
    last = Counter(one.name for one in changes)
    found: list[Revision] = []
    before: tuple[str, ...] = ()
    for one in changes:
        script = f"{one.name}.sql" if one.time == last[one.name] else f"{one.name}@{one.tag}.sql"
        path = deploy / script
        found.append(Revision(one.revision, before, (), (), one.note, str(path), _hash(path)))
        before = (one.revision,)
    return Scripts(tuple(found), before, each=True)


def _file(section: MigrationSpec) -> Path:
    return section.path if section.path.is_file() else section.path / "sqitch.plan"


def _changes(plan: Path) -> Iterator[_Change]:
    lines = read_named(plan).splitlines()
    times: Counter[str] = Counter()
    for number, line in enumerate(lines, 1):
        if not line.split("#")[0].strip() or line.lstrip().startswith(("%", "@")):
            continue
        said = _CHANGE.fullmatch(line)
        if said is None:
            raise TargetError(f"{plan}:{number}: {line.strip()[:80]}: is no change of a plan")
        times[said["name"]] += 1
        yield _Change(said["name"], times[said["name"]], said["note"] or "", _tag(lines[number:]))


def _tag(lines: list[str]) -> str:
    """The first tag of these lines."""
    return next((line.split()[0][1:] for line in map(str.strip, lines) if line.startswith("@")), "")


def _deploy(folder: Path) -> Path:
    """Where the deploy scripts are, as sqitch.conf says it or by default."""
    config = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True)
    try:
        config.read(folder / "sqitch.conf", encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise TargetError(f"{folder / 'sqitch.conf'}: {str(error).splitlines()[0]}") from None
    top = folder / config.get("core", "top_dir", fallback=".")
    return (folder / config.get("core", "deploy_dir", fallback=str(top / "deploy"))).resolve()


def _hash(path: Path) -> str:
    """As Sqitch has it. Raises TargetError: there is no such script."""
    try:
        return hashlib.sha1(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}, and the plan has it{absent(error)}") from None
