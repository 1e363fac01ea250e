from __future__ import annotations

import os
from collections.abc import Callable

from pgdeploy.layers.server.ident import render
from pgdeploy.reach.file_time import outlast
from tests.drift_cases.bench import Bench, Case

_EXTRA, _ORDER, _LOADED = "ident[rules].undeclared", "ident[rules].order", "ident[rules].loaded"
_REGEX = r'ident["my map": "/^(.*)@Example, Org" as "\\1"].mapped'
_CERTIFICATE = r'ident["my map": "CN=\"a\", O=b" as $app].mapped'
_NAMED_ALL = r'ident[crew: $reader as "\"all\""].mapped'
_BOSS = "ident[crew: root as $boss].mapped"
_ALL, _TEAM = "ident[crew: root as all].mapped", 'ident[crew: "/^x" as $of_team].mapped'
_ROLES = 'ident[crew: y as "/^r[eo]"].mapped'


def _edit(change: Callable[[list[str]], list[str]], *, reload: bool = True) -> Callable[[Bench], None]:
    """Edit the lines that are not pgdeploy's own way in."""

    def by_hand(bench: Bench) -> None:
        if not reload:
            bench.next_second()
        bench.edit_ident(change)
        if reload:
            bench.reload()

    return by_hand


def _replace(old: str, new: str) -> Callable[[Bench], None]:
    def change(lines: list[str]) -> list[str]:
        assert any(old in line for line in lines)
        return [line.replace(old, new) for line in lines]

    return _edit(change)


def _write(bench: Bench, file: str, content: str) -> None:
    (bench.cluster.data / file).write_text(content, encoding="utf-8")


def _moved(bench: Bench) -> None:
    """The last line goes to a file of its own, which is read in its place."""
    last = (bench.cluster.data / "pg_ident.conf").read_text().splitlines()[-1]
    _write(bench, "more_maps.conf", f"# of their own\n{last}\n")
    bench.edit_ident(lambda lines: [*lines[:-1], "include more_maps.conf"])
    bench.reload()


def _moved_and_changed(bench: Bench) -> None:
    _moved(bench)
    outlast()
    _write(bench, "more_maps.conf", "crew y postgres\n")


def _role_in_file(bench: Bench) -> None:
    _write(bench, "a role", '"all" # note\n')
    _replace(' "all"', ' @"a role"')(bench)


def _put_in_place(bench: Bench) -> None:
    """Another file of the same content, as `cp -p` and `mv` do: its time says nothing of when it came."""
    path = bench.cluster.data / "pg_ident.conf"
    before = path.stat()
    outlast()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _reload(bench: Bench) -> None:
    bench.reload()


def _as_written(bench: Bench) -> None:
    """The lines as pgdeploy writes them: what is green is not written anew."""
    bench.edit_ident(lambda _: render(bench.target.spec.ident or ()).splitlines())
    bench.reload()


CASES = (
    Case("line removed", red=_REGEX, hand=_edit(lambda lines: lines[1:]), since=15, everywhere=True),
    Case("another line removed", red=_BOSS, hand=_edit(lambda lines: [*lines[:3], *lines[4:]])),
    Case(
        "line added",
        red=_EXTRA,
        hand=_edit(lambda lines: ["crew nobody postgres", *lines]),
        everywhere=True,
    ),
    Case("a map added", red=_EXTRA, hand=_edit(lambda lines: [*lines, "other root postgres"])),
    Case("system user changed", red=(_CERTIFICATE, _EXTRA), hand=_replace("O=b", "O=c")),
    Case("in another case", red=(_CERTIFICATE, _EXTRA), hand=_replace("O=b", "o=b")),
    Case("role changed", red=(_REGEX, _EXTRA), hand=_replace(r'"\1"', "postgres"), since=15, everywhere=True),
    Case(
        "another map",
        red=(_REGEX, _EXTRA),
        hand=_edit(lambda lines: [lines[0].replace("my", "his"), *lines[1:]]),
    ),
    Case(
        "another order in a map",
        red=_ORDER,
        hand=_edit(lambda lines: [lines[1], lines[0], *lines[2:]]),
        everywhere=True,
    ),
    Case(
        "another order in a map of which each line is tried",
        hand=_edit(lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]]),
        mend=_as_written,
        everywhere=True,
    ),
    Case(
        "another order of maps",
        hand=_edit(lambda lines: [*lines[2:], *lines[:2]]),
        mend=_as_written,
    ),
    Case("a line twice", hand=_edit(lambda lines: [*lines, lines[0]]), mend=_as_written),
    Case(
        "quotes that change nothing, and blanks",
        hand=_edit(lambda lines: [line.replace('"crew" "root"', "  crew\troot  ") for line in lines]),
        mend=_as_written,
        everywhere=True,
    ),
    Case("a line on two", hand=_replace('"crew" "root"', '"crew" \\\n"root"'), mend=_as_written),
    Case("a role in a file", hand=_role_in_file, mend=_as_written, since=16, everywhere=True),
    Case(
        "a quoted regular expression is one",
        hand=_replace('"/^r[eo]"', "/^r[eo]"),
        mend=_as_written,
        since=16,
    ),
    Case(
        "before 16 all is a role's name",
        hand=_replace(' "all"', " all"),
        mend=_as_written,
        until=15,
    ),
    Case(
        "all roles in place of the one",
        red=(_NAMED_ALL, _EXTRA),
        hand=_replace(' "all"', " all"),
        since=16,
        everywhere=True,
    ),
    Case(
        "the role of that name in place of all",
        red=(_ALL, _EXTRA),
        hand=_replace('root" all', 'root" "all"'),
        since=16,
    ),
    Case(
        "a role in place of a group",
        red=(_TEAM, _EXTRA),
        hand=_replace('"/^x" +"', '"/^x" "+'),
        since=16,
        everywhere=True,
    ),
    Case("other roles", red=(_ROLES, _EXTRA), hand=_replace("/^r[eo]", "/^r"), since=16),
    Case(
        "a line that maps nothing",
        red=_LOADED,
        hand=_edit(lambda lines: [*lines, "crew /( postgres", "crew root"]),
        everywhere=True,
    ),
    Case(
        "edited without a reload",
        red=_LOADED,
        hand=_edit(lambda lines: ["# note", *lines], reload=False),
        everywhere=True,
    ),
    Case("put in place without a reload", unreadable=_LOADED, hand=_put_in_place, mend=_reload),
    Case("included", hand=_moved, mend=_as_written, since=16, everywhere=True),
    Case("an included file changed", red=(_ROLES, _EXTRA, _LOADED), hand=_moved_and_changed, since=16),
)
