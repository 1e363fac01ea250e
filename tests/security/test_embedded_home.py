"""The embedded server in a folder that others write to as well, run by root: it is nobody's, and nobody's alone."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.reach.embedded import Embedded, start_embedded
from tests.security.attack import Site

AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


def as_nobody(*words: str | Path) -> None:
    subprocess.run([*AS_NOBODY, *map(str, words)], check=True, cwd="/")


@pytest.fixture
def shared(site: Site) -> Path:
    """Like /tmp."""
    folder = site.etc.parent / "tmp"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """The home of a server that ran and stopped: made once, copied for each test."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o711)
        start_embedded(16, Path(folder) / "pg").close()
        yield Path(folder) / "pg"


@pytest.fixture
def home(shared: Path, cluster: Path) -> Path:
    subprocess.run(["cp", "-a", cluster, shared / "pg"], check=True)
    return shared / "pg"


def refused(home: Path) -> str:
    with pytest.raises(TargetError) as error:
        start_embedded(16, home).close()
    return str(error.value)


def test_a_home_that_somebody_made_before_is_refused(site: Site, shared: Path) -> None:
    as_nobody("mkdir", shared / "pg")
    assert "belongs to nobody, not to root; name another directory" in refused(shared / "pg")
    as_nobody("rmdir", shared / "pg")
    as_nobody("ln", "-s", site.etc, shared / "pg")
    assert "a link in a folder of another user is not followed" in refused(shared / "pg")
    site.intact()


def test_a_home_where_others_may_write_is_refused(shared: Path) -> None:
    (shared / "pg").mkdir()
    (shared / "pg").chmod(0o777)
    assert "others may write there" in refused(shared / "pg")


def test_a_link_of_ones_own_leads_to_the_home(shared: Path) -> None:
    """Root's own, in a folder of root's."""
    (shared.parent / "real").mkdir()
    (shared.parent / "behind").symlink_to("real")
    with_link = start_embedded(16, shared.parent / "behind" / "pg")
    try:
        with with_link.open() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    finally:
        with_link.close()
    assert (shared.parent / "real" / "pg" / "data").owner() == "nobody"


def test_all_but_the_data_is_ours(home: Path) -> None:
    owners = {file.name: file.owner() for file in home.iterdir()}
    ours = {"lock": "root", "postgresql.auto.conf.worked": "root"}
    assert owners == {"data": "nobody", "server.log": "nobody", **ours}
    assert home.owner() == "root"
    with pytest.raises(subprocess.CalledProcessError):
        as_nobody("touch", home / "secrets.json.new")


@pytest.mark.parametrize("name", ["pg_hba.conf", "postgresql.auto.conf"])
def test_what_root_writes_in_the_data_gives_way_to_no_link(site: Site, home: Path, name: str) -> None:
    server = start_embedded(16, home)
    try:
        as_nobody("ln", "-sf", site.shadow, server.data / name)
        with pytest.raises(TargetError, match="a link, which is not followed"):
            server.write_hba("") if name == "pg_hba.conf" else server.restart()
    finally:
        server.close()
    site.intact()


PREDICTED: dict[str, Callable[[Embedded], object]] = {
    "data/pg_hba.conf.new": lambda server: server.write_hba(""),
    "data/postgresql.auto.conf.new": lambda server: server.restart(),
}


@pytest.mark.parametrize("name", PREDICTED)
def test_no_name_of_a_new_file_can_be_foreseen(site: Site, home: Path, name: str) -> None:
    server = start_embedded(16, home)
    try:
        as_nobody("ln", "-s", site.shadow, home / name)
        PREDICTED[name](server)
    finally:
        server.close()
    site.intact()


def test_the_version_of_the_data_is_not_read_through_a_link(site: Site, home: Path) -> None:
    as_nobody("ln", "-sf", site.shadow, home / "data" / "PG_VERSION")
    said = refused(home)
    assert "PG_VERSION" in said
    assert "7c1f" not in said


def test_a_second_name_for_the_log_is_refused(site: Site, home: Path) -> None:
    (home / "server.log").unlink()
    os.link(site.shadow, home / "server.log")
    assert "not a plain file of its own; remove it" in refused(home)
    site.intact()


def test_data_under_initdb_goes_without_what_its_links_lead_to(site: Site, home: Path) -> None:
    as_nobody("ln", "-s", site.etc, home / "data" / "pg_wal_elsewhere")
    (home / "data").rename(home / "data.making-x")
    start_embedded(16, home).close()
    assert not (home / "data.making-x").exists()
    site.intact()
