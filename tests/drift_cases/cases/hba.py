from __future__ import annotations

import os
from collections.abc import Callable

from pgdeploy.layers.server.hba import render
from pgdeploy.reach.file_time import outlast
from tests.drift_cases.bench import INCLUDED, THEIR_RULES, Bench, Case

_EXTRA, _ORDER, _LOADED = "hba[rules].undeclared", "hba[rules].order", "hba[rules].loaded"
_LOCAL = "hba[local $db,$copy $app,$of_team].method"
_REJECT = "hba[host all $ops 10.1.0.0/16].method"
_IDENT = "hba[host sameuser all samenet].method"
_REPLICATION = "hba[host replication all ::1/128].method"
_URL, _PAM = "hba[host all all 10.4.0.0/16].method", "hba[host all all 10.5.0.0/16].method"
_INCLUDE = f"hba[include {INCLUDED}].included"
_NAMED = r'hba[host $db,"\"all\"" "\"all\"",$app db.example.org].method'


def _edit(
    change: Callable[[list[str]], list[str]], *, reload: bool = True, at_once: bool = False
) -> Callable[[Bench], None]:
    """Edit the rules that are not pgdeploy's own way in; without a reload in a second of its own, or at once."""

    def by_hand(bench: Bench) -> None:
        if not reload:
            bench.next_second()
        bench.edit_hba(change)
        if reload and not at_once:
            bench.reload()

    return by_hand


def _replace(old: str, new: str) -> Callable[[Bench], None]:
    def change(lines: list[str]) -> list[str]:
        assert any(old in line for line in lines)
        return [line.replace(old, new) for line in lines]

    return _edit(change)


def _write(file: str, content: str) -> Callable[[Bench], None]:
    def by_hand(bench: Bench) -> None:
        path = bench.cluster.data / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")

    return by_hand


def _append(file: str, line: str) -> Callable[[Bench], None]:
    def by_hand(bench: Bench) -> None:
        path = bench.cluster.data / file
        _write(file, f"{path.read_text(encoding='utf-8')}{line}\n")(bench)

    return by_hand


def _moved(file: str, line: int, name: str) -> Callable[[Bench], None]:
    """A rule goes to a file of its own, which is read in its place."""

    def by_hand(bench: Bench) -> None:
        kept = (bench.cluster.data / "pg_hba.conf").read_text().splitlines()[bench.cluster.own_hba_lines :]
        _write(file, f"# rules of\n# their own\n{kept[line]}\n")(bench)
        bench.edit_hba(lambda lines: [*lines[:line], name, *lines[line + 1 :]])
        bench.reload()

    return by_hand


def _listed(bench: Bench) -> None:
    """Names in files, one of which names the other."""

    def quoted(key: str) -> str:
        return '"' + bench.names.by_key[key].replace('"', '""') + '"'

    _write("database names", f"{quoted('copy')}\n# note\n{quoted('db')}\n")(bench)
    _write("lists/user", f"@more , {quoted('app')}\n")(bench)
    _write("lists/more", f"+{quoted('team')}\n")(bench)
    bench.edit_hba(lambda lines: ['local @"database names" @lists/user scram-sha-256', *lines[1:]])
    bench.reload()


def _then(*steps: Callable[[Bench], None]) -> Callable[[Bench], None]:
    def by_hand(bench: Bench) -> None:
        for step in steps:
            step(bench)

    return by_hand


def _reload(bench: Bench) -> None:
    bench.reload()


def _as_written(bench: Bench) -> None:
    """The rules as pgdeploy writes them: what is green is not written anew."""
    kept = [rule for rule in bench.target.spec.hba or () if rule.match.type != "hostssl"]
    bench.edit_hba(lambda _: render(kept, reveal=True).splitlines())
    bench.reload()


def _pause(bench: Bench) -> None:
    """As long as the time of a file may be behind the clock."""
    outlast()


def _put_in_place(bench: Bench) -> None:
    """Another file of the same content, as `cp -p` and `mv` do: its time says nothing of when it came."""
    path = bench.cluster.data / "pg_hba.conf"
    before = path.stat()
    _pause(bench)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _gone(file: str) -> Callable[[Bench], None]:
    def by_hand(bench: Bench) -> None:
        _pause(bench)
        (bench.cluster.data / file).unlink()

    return by_hand


def _respell(bench: Bench) -> None:
    """The line that reads another file names it otherwise."""
    path = f"{bench.cluster.data}/./{INCLUDED}"
    bench.edit_hba(lambda lines: [*lines[:-1], f'include "{path}"'])
    bench.reload()


def _theirs(content: str) -> Callable[[Bench], None]:
    return _then(_pause, _write(INCLUDED, content), _pause, _reload)


def _main(line: str) -> Callable[[Bench], None]:
    """A line below the rules."""
    return _edit(lambda lines: [*lines, line])


CASES = (
    Case("method changed", red=_REJECT, hand=_replace("reject", "scram-sha-256"), everywhere=True),
    Case("options changed", red=_IDENT, hand=_replace("my map", "another map")),
    Case("options gone", red=_IDENT, hand=_replace('map="my map"', "")),
    Case("address changed", red=(_REJECT, _EXTRA), hand=_replace("10.1.0.0/16", "10.1.0.0/15")),
    Case(
        "another spelling of an address",
        hand=_replace("10.1.0.0/16", "10.1.0.0 255.255.0.0"),
        mend=_as_written,
    ),
    Case("rule removed", red=_LOCAL, hand=_edit(lambda lines: lines[1:])),
    Case(
        "rule added above",
        red=_EXTRA,
        hand=_edit(lambda lines: ["local all all trust", *lines]),
        everywhere=True,
    ),
    Case("rule added below", red=_EXTRA, hand=_edit(lambda lines: [*lines, "host all all 0.0.0.0/0 trust"])),
    Case(
        "a declared rule again above, with another method",
        red=(_REJECT, _EXTRA),
        hand=_edit(lambda lines: [lines[0], lines[1].replace("reject", "trust"), *lines[1:]]),
    ),
    Case(
        "order swapped",
        red=_ORDER,
        hand=_edit(lambda lines: [lines[1], lines[0], *lines[2:]]),
        everywhere=True,
    ),
    Case("comments and blank lines", hand=_edit(lambda lines: ["# note", "", *lines, ""]), mend=_as_written),
    Case(
        "edited without a reload",
        red=_LOADED,
        hand=_edit(lambda lines: ["# note", *lines], reload=False),
        everywhere=True,
    ),
    Case(
        "edited without a reload, and wrong",
        red=(_EXTRA, _LOADED),
        hand=_edit(lambda lines: [*lines, "local all all trust"], reload=False),
    ),
    Case(
        "a line that is no rule", red=_LOADED, hand=_edit(lambda lines: [*lines, "nonsense"]), everywhere=True
    ),
    Case("a method that nobody knows", red=(_REJECT, _LOADED), hand=_replace("reject", "refuse")),
    Case(
        "a line that the server cannot read, and says nothing of",
        red=_LOADED,
        hand=_main('host all all 10.9.0.0/16 radius radiusservers="256.0.0.1" radiussecrets=x'),
    ),
    Case(
        "quoted all is a name",
        red=(_REJECT, _EXTRA),
        hand=_edit(lambda lines: [lines[0], lines[1].replace("all", '"all"', 1), *lines[2:]]),
        everywhere=True,
    ),
    Case(
        "quoted replication is a name",
        red=(_REPLICATION, _EXTRA),
        hand=_replace("replication", '"replication"'),
    ),
    Case("a quoted group is a name", red=(_LOCAL, _EXTRA), hand=_replace('+"', '"+'), everywhere=True),
    Case("quoted samenet is a host", red=(_IDENT, _EXTRA), hand=_replace("samenet", '"samenet"')),
    Case("a name is no keyword", red=(_NAMED, _EXTRA), hand=_replace('"all","', 'all,"'), everywhere=True),
    Case(
        "a host in another case",
        hand=_replace("db.example.org", '"DB.example.ORG"'),
        everywhere=True,
        mend=_as_written,
    ),
    Case(
        "another spelling of an address of IPv6",
        hand=_replace("::1/128", f"0:0:0:0:0:0:0:1 {':'.join(['ffff'] * 8)}"),
        mend=_as_written,
    ),
    Case(
        "names again",
        hand=_replace("replication all", 'replication,"replication" all,nobody'),
        red=(_REPLICATION, _EXTRA),
    ),
    Case(
        "more of what all has", hand=_replace("replication all", "replication nobody,all"), mend=_as_written
    ),
    Case("mapped into IPv6", red=(_REJECT, _EXTRA), hand=_replace("10.1.0.0/16", "::ffff:10.1.0.0/112")),
    Case(
        "a mask with a hole",
        red=(_REJECT, _EXTRA),
        hand=_replace("10.1.0.0/16", "10.1.0.0 255.0.255.0"),
        everywhere=True,
    ),
    Case(
        "a mask from the wrong end",
        red=(_REJECT, _EXTRA),
        hand=_replace("10.1.0.0/16", "10.1.0.0 0.0.255.255"),
    ),
    Case("a rule on two lines", hand=_replace(" reject", " \\\n reject"), mend=_as_written),
    Case("another order of names, in files", hand=_listed, everywhere=True, mend=_as_written),
    Case(
        "a list changed",
        red=(_LOCAL, _EXTRA, _LOADED),
        hand=_then(_listed, _pause, _write("lists/more", "all\n")),
    ),
    Case(
        "a list with another comment",
        red=_LOADED,
        hand=_then(_listed, _pause, _append("lists/more", "# note")),
        everywhere=True,
    ),
    Case("url changed", red=_URL, hand=_replace("?sub", "?one"), until=15),
    Case(
        "the parts of a url",
        hand=_replace(
            'ldapurl="ldap://a.example.net/dc=b?uid?sub"',
            "ldapserver=a.example.net ldapbasedn=dc=b ldapsearchattribute=uid",
        ),
        until=15,
        mend=_as_written,
    ),
    Case("an option that is not shown", red=_PAM, hand=_replace('pam_use_hostname="1"', ""), until=15),
    Case(
        "another option that is not shown", red=_PAM, hand=_replace("pam ", "pam pamservice=other "), until=15
    ),
    Case(
        "edited at once after a reload",
        red=_LOADED,
        hand=_then(_reload, _pause, _edit(lambda lines: ["# note", *lines], at_once=True)),
        everywhere=True,
    ),
    Case(
        "put in place without a reload",
        unreadable=_LOADED,
        hand=_put_in_place,
        mend=_reload,
        everywhere=True,
    ),
    Case(
        "included",
        hand=_moved("extra.conf", 1, "include extra.conf"),
        since=16,
        everywhere=True,
        mend=_as_written,
    ),
    Case(
        "included from a folder",
        hand=_moved("hba.d/a.conf", 1, 'include_dir "hba.d"'),
        since=16,
        mend=_as_written,
    ),
    Case(
        "included last",
        red=_ORDER,
        hand=_then(
            _moved("extra.conf", 1, "include_if_exists extra.conf"),
            _edit(lambda lines: [*lines[:1], *lines[2:], lines[1]]),
        ),
        since=16,
        everywhere=True,
    ),
    Case(
        "an included file changed",
        red=(_REJECT, _EXTRA, _LOADED),
        hand=_then(
            _moved("extra.conf", 1, "include extra.conf"),
            _pause,
            _write("extra.conf", "local all all trust\n"),
        ),
        since=16,
    ),
    Case(
        "an included file that has no rules changed",
        red=_LOADED,
        hand=_then(
            _write("extra.conf", "# note"),
            _main("include extra.conf"),
            _pause,
            _write("extra.conf", "# another note"),
        ),
        since=16,
        everywhere=True,
        mend=_as_written,
    ),
    Case(
        "an included line that is no rule",
        red=_LOADED,
        hand=_then(_write("extra.conf", "\nnonsense"), _main("include extra.conf")),
        since=16,
    ),
    Case(
        "an included file is gone",
        red=(_REJECT,),
        unreadable=_LOADED,
        hand=_then(_moved("extra.conf", 1, "include_if_exists extra.conf"), _gone("extra.conf")),
        since=16,
        everywhere=True,
    ),
    Case(
        "a file of an included folder is gone",
        unreadable=_LOADED,
        hand=_then(_write("hba.d/a.conf", "# note"), _main("include_dir hba.d"), _gone("hba.d/a.conf")),
        mend=_as_written,
        since=16,
    ),
    Case(
        "a declared line that includes is gone", red=_INCLUDE, hand=_edit(lambda lines: lines[:-1]), since=16
    ),
    Case(
        "included by another word",
        red=(_INCLUDE, _EXTRA),
        hand=_replace("include ", "include_if_exists "),
        everywhere=True,
        since=16,
    ),
    Case(
        "a declared line that includes, in another place",
        red=_ORDER,
        hand=_edit(lambda lines: [lines[-1], *lines[:-1]]),
        since=16,
        everywhere=True,
    ),
    Case(
        "a declared include in another spelling", hand=_respell, mend=_as_written, since=16, everywhere=True
    ),
    Case(
        "another folder included",
        red="hba[include_dir rules.d].included",
        hand=_then(_write("rules.e/b.conf", "# none"), _replace("rules.d", "rules.e")),
        since=16,
    ),
    Case(
        "must be there, which may be absent",
        red=("hba[include_if_exists rules of others].included", _EXTRA),
        hand=_replace("include_if_exists ", "include "),
        since=16,
    ),
    Case(
        "what a declared include brings is not ours",
        hand=_theirs("local all all trust\nhost all all all trust\n"),
        mend=_theirs(THEIR_RULES),
        since=16,
    ),
    Case(
        "what a declared include brings is no rule",
        red=_LOADED,
        stuck=_LOADED,
        hand=_theirs("nonsense\n"),
        mend=_theirs(THEIR_RULES),
        since=16,
        everywhere=True,
    ),
    Case(
        "what a declared include brings is no rule, and neither is a line of our own",
        red=_LOADED,
        stuck=_LOADED,
        hand=_then(_theirs("nonsense\n"), _main("more nonsense")),
        mend=_then(_theirs(THEIR_RULES), _as_written),
        since=16,
    ),
    Case(
        "what is included is absent",
        red=_LOADED,
        stuck=_LOADED,
        hand=_then(_gone(INCLUDED), _reload),
        mend=_theirs(THEIR_RULES),
        since=16,
    ),
)
