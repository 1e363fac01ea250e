"""What root does on a host in folders of postgres's: it follows none of its links, and gives nothing away by name."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pyinfra_deploys.remote import configure, huge_pages, preflight
from pyinfra_deploys.remote.whole import write_whole
from tests.security.attack import SECRET, Site, on_host


def conf(path: Path, text: str = "a = 1\n") -> dict[str, str]:
    return {"path": str(path), "text": text, "owner": "postgres", "group": "postgres", "mode": "0644"}


def place(path: Path) -> Any:
    return on_host("place", {"files": [conf(path)], "make": True})


def test_a_link_gives_way_to_the_file(site: Site) -> None:
    path = site.link("pgdeploy.conf", site.shadow)
    assert place(path).returncode == 0
    assert (path.is_symlink(), path.read_text(), path.owner()) == (False, "a = 1\n", "postgres")
    site.intact()


def test_a_second_name_of_a_file_of_roots_gives_way(site: Site) -> None:
    path = site.second_name("pgdeploy.conf")
    assert place(path).returncode == 0
    assert path.read_text() == "a = 1\n"
    site.intact()


def test_a_fifo_keeps_nobody_waiting(site: Site) -> None:
    path = site.fifo("pgdeploy.conf")
    assert place(path).returncode == 0
    assert path.read_text() == "a = 1\n"


@pytest.mark.parametrize("name", ["conf.d/pgdeploy.conf", "main/conf.d/pgdeploy.conf"])
def test_a_linked_folder_is_not_gone_through(site: Site, name: str) -> None:
    site.link(name.partition("/")[0], site.etc)
    done = place(site.own / name)
    assert done.returncode == 1
    assert "a link in a folder of another user is not followed" in done.stderr
    assert "Traceback" not in done.stderr
    site.intact()


def test_the_whole_file_is_its_own_before_it_has_its_name(site: Site) -> None:
    """postgres exchanges what is being written for a link: nothing of root's is given away."""
    with site.exchanging(site.own, site.shadow, "pgdeploy.conf"):
        for number in range(300):
            try:
                write_whole(conf(site.own / "pgdeploy.conf", "a = 1\n" * number))
            except OSError:
                continue
    site.intact()


def test_links_of_roots_own_are_followed(site: Site) -> None:
    """A data directory behind a link in /var/lib, a configuration that root linked."""
    behind = site.etc.parent / "behind"
    behind.symlink_to(site.own)
    assert place(behind / "conf.d" / "pgdeploy.conf").returncode == 0
    assert (site.own / "conf.d" / "pgdeploy.conf").read_text() == "a = 1\n"
    question = {"files": [conf(behind / "conf.d" / "pgdeploy.conf")], "make": False}
    assert json.loads(on_host("place", question).stdout)["differs"] == []


# -- the certificate ---------------------------------------------------------------------------------------


def tls(site: Site, *, make: bool = True) -> Any:
    names = {"certificate": f"{site.own}/pgdeploy.crt", "key": f"{site.own}/pgdeploy.key"}
    return on_host(
        "self_signed", {**names, "names": ["db1.example.org"], "expires_after": 86400, "make": make}
    )


def signed(site: Site) -> None:
    """There is a certificate with its key, as it must be."""
    key = site.own / "pgdeploy.key"
    assert (key.is_symlink(), key.owner(), stat.S_IMODE(key.stat().st_mode)) == (False, "postgres", 0o600)
    assert "PRIVATE KEY" in key.read_text()
    assert json.loads(tls(site, make=False).stdout) == {"differs": False}
    site.intact()


@pytest.mark.parametrize("name", ["pgdeploy.key", "pgdeploy.crt"])
@pytest.mark.parametrize("how", ["link", "second name", "fifo"])
def test_a_key_that_postgres_exchanged_is_made_anew(site: Site, name: str, how: str) -> None:
    assert tls(site).returncode == 0
    (site.own / name).unlink()
    {"link": lambda: site.link(name, site.shadow), "fifo": lambda: site.fifo(name)}.get(
        how, lambda: site.second_name(name)
    )()
    assert tls(site).returncode == 0
    signed(site)


def test_a_key_that_all_can_read_is_for_the_server_again(site: Site) -> None:
    assert tls(site).returncode == 0
    before = (site.own / "pgdeploy.key").read_text()
    (site.own / "pgdeploy.key").chmod(0o644)
    assert tls(site).returncode == 0
    assert (site.own / "pgdeploy.key").read_text() == before
    signed(site)


def test_openssl_works_where_postgres_cannot_reach(site: Site) -> None:
    elsewhere = site.etc.parent / "elsewhere"
    elsewhere.mkdir()
    for name in ("key", "crt"):
        (elsewhere / name).write_text(SECRET)
    with site.exchanging(site.own, elsewhere, ""):
        for _ in range(4):
            tls(site)
    assert {file.name: (file.read_text(), file.owner()) for file in elsewhere.iterdir()} == dict.fromkeys(
        ("key", "crt"), (SECRET, "root")
    )
    site.intact()


# -- the cluster -------------------------------------------------------------------------------------------


def test_the_mark_of_initdb_is_written_over_no_link(site: Site) -> None:
    """No such version is installed: pg_createcluster refuses, after the mark."""
    site.file("data/x")
    site.link("data.pgdeploy-initdb", site.shadow)
    question = {"version": "99", "name": "attack", "data_directory": f"{site.own}/data", "port": 1}
    more = {"locale": "C", "encoding": "UTF8", "checksums": True, "make": True}
    assert on_host("cluster", {**question, **more}).returncode == 1
    site.intact()


def test_what_a_killed_initdb_left_is_removed_without_its_links(site: Site) -> None:
    site.file("data/base/1/x")
    site.link("data/base/1/link", site.etc)
    site.link("data/pg_wal", site.etc)
    site.file("data.pgdeploy-initdb")
    question = {"version": "99", "name": "attack", "data_directory": f"{site.own}/data", "port": 1}
    more = {"locale": "C", "encoding": "UTF8", "checksums": True, "make": True}
    on_host("cluster", {**question, **more})
    assert list((site.own / "data").iterdir()) == []
    site.intact()


def folder(path: Path) -> Any:
    return on_host(
        "folder", {"path": str(path), "owner": "postgres", "group": "postgres", "mode": "0700", "make": True}
    )


def test_a_data_directory_that_is_a_link_is_not_given_away(site: Site) -> None:
    done = folder(site.link("data", site.etc))
    assert done.returncode == 1
    assert "is not followed; name what it leads to" in done.stderr
    site.intact()


def test_a_folder_of_roots_under_another_name_is_not_given_away(site: Site) -> None:
    """Who owns a folder can rename what is in it, whosever that is."""
    (site.own / "of-root").mkdir(mode=0o700)
    (site.own / "of-root" / "secret").write_text(SECRET)
    site.as_postgres("mv", "of-root", "data")
    done = folder(site.own / "data")
    assert (done.returncode, (site.own / "data").owner()) == (1, "root")
    assert "belongs to another user and is not empty" in done.stderr


def test_the_data_directory_is_the_servers_alone(site: Site) -> None:
    site.file("data/PG_VERSION", "16\n")
    (site.own / "data").chmod(0o755)
    assert folder(site.own / "data").returncode == 0
    assert stat.S_IMODE((site.own / "data").stat().st_mode) == 0o700
    assert folder(site.own / "new" / "data").returncode == 0
    assert (site.own / "new" / "data").owner() == "postgres"


# -- what root reads ---------------------------------------------------------------------------------------


def test_a_log_that_is_a_link_is_not_quoted(site: Site) -> None:
    log = site.link("postgresql.log", site.shadow)
    assert "7c1f" not in configure._log({"start_log": str(log), "unit": "no-such.service"}, 0)
    site.file("real.log", "x\n2026 [1] FATAL:  this one\n")
    assert "this one" in configure._log({"start_log": f"{site.own}/real.log", "unit": "no-such.service"}, 0)


def test_a_log_that_is_a_fifo_is_not_waited_for(site: Site) -> None:
    log = site.fifo("postgresql.log")
    configure._log({"start_log": str(log), "unit": "no-such.service"}, 0)


def test_a_journal_is_not_put_back_through_a_link(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that was not there before goes again: that of postgres's folder, not its namesake elsewhere."""
    journal = site.etc.parent / "journal"
    monkeypatch.setattr(configure, "JOURNAL", str(journal))
    path = site.link("main", site.etc) / "shadow"
    configure._keep({"files": [conf(site.own / "none")]})
    (journal / "files").write_text(json.dumps([{"path": str(path), "was": None}]))
    with pytest.raises(OSError, match="is not followed"):
        configure._put_back()
    site.intact()


@pytest.mark.parametrize("name", ["PG_VERSION", "postgresql.auto.conf", "global/pg_control"])
def test_huge_pages_are_counted_without_what_a_link_leads_to(site: Site, name: str) -> None:
    site.file("data/global/x")
    site.link(f"data/{name}", site.shadow)
    reader = site.etc.parent / "reader"
    reader.write_text(
        '#!/bin/sh\nfor word; do case $word in data_directory=*) cat "${word#*=}/' + name + '";; esac; done\n'
    )
    reader.chmod(0o755)
    question = {
        "data_directory": f"{site.own}/data",
        "config": "/none",
        "settings": "",
        "postgres": str(reader),
    }
    folder = site.etc.parent / "count"
    folder.mkdir(mode=0o700)
    assert SECRET not in huge_pages._count(question, str(folder)).stdout


def test_preflight_quotes_no_link(site: Site) -> None:
    site.file("data/base")
    site.link("data/PG_VERSION", site.shadow)
    assert preflight._data(f"{site.own}/data")["version"] == ""
    site.file("other/PG_VERSION", "16\n")
    assert preflight._data(f"{site.own}/other")["version"] == "16"


def test_preflight_waits_for_no_fifo(site: Site) -> None:
    assert preflight._text(str(site.fifo("postgresql.conf"))) is None


def test_the_lock_of_a_run_is_held_by_root_alone(site: Site) -> None:
    """Who can open it can hold it, and no run of ours would begin."""
    lock = Path("/run/pgdeploy.lock")
    lock.touch()
    lock.chmod(0o644)
    assert place(site.own / "x").returncode == 0
    assert stat.S_IMODE(lock.stat().st_mode) == 0o600
