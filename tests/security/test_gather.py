"""What the gate reads of a host, as root, and then shows: never what a link of postgres's leads to."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.layers.host.question import script
from tests.conftest import programs
from tests.security.attack import SECRET, Site, python

PATHS = ("postgresql.conf", "pg_hba.conf", "conf.d/pgdeploy.conf")


def gathered(section: str, **question: Any) -> Any:
    """One section, as the script on the host has it."""
    text = script().partition('if __name__ == "__main__":')[0]
    asked = f"print(json.dumps(section(SECTIONS[{section!r}], {question!r})))"
    done = python(["-I", "-"], f"{text}\n{asked}\n")
    assert done.returncode == 0, done.stderr
    assert "7c1f" not in done.stdout + done.stderr
    return json.loads(done.stdout)


def path(of: Path) -> Any:
    return gathered("paths", paths={str(of): True})["value"][str(of)]


def in_its_place(site: Site, how: str, name: str) -> Path:
    site.as_postgres("mkdir", "-p", site.own / "conf.d")
    if how == "link":
        return site.link(name, site.shadow)
    return site.fifo(name) if how == "FIFO" else site.second_name(name)


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("how", ["link", "FIFO", "second name"])
def test_what_is_no_plain_file_of_its_own_is_not_read(site: Site, how: str, name: str) -> None:
    actual = path(in_its_place(site, how, name))
    assert (actual["type"], "text" in actual) == (how, False)


def test_a_plain_file_is_read(site: Site) -> None:
    assert path(site.file("pg_hba.conf", "local all all peer\n"))["text"] == "local all all peer\n"


@pytest.mark.parametrize("name", ["conf.d", "main"])
def test_a_linked_folder_is_not_gone_through(site: Site, name: str) -> None:
    site.link(name, site.etc)
    assert path(site.own / name / "shadow") is None


def test_a_mode_is_that_of_the_link_itself(site: Site) -> None:
    """Or a link to a file that is as it should be would pass."""
    assert path(site.link("pgdeploy.key", site.shadow))["type"] == "link"


def test_links_of_roots_own_are_followed(site: Site) -> None:
    site.file("pg_hba.conf", "x\n")
    behind, file = site.etc.parent / "behind", site.etc.parent / "file"
    behind.symlink_to("own")
    file.symlink_to("etc/../file2")
    (site.etc.parent / "file2").write_text("y\n")
    assert path(behind / "pg_hba.conf")["text"] == "x\n"
    assert path(file)["text"] == "y\n"


def test_links_that_lead_in_a_circle_have_an_end(site: Site) -> None:
    (site.etc.parent / "a").symlink_to("b")
    (site.etc.parent / "b").symlink_to("a")
    assert path(site.etc.parent / "a")["type"] == "link"


@pytest.mark.parametrize("how", ["link", "FIFO", "second name"])
def test_how_the_cluster_starts_is_not_read_elsewhere(site: Site, how: str) -> None:
    in_its_place(site, how, "start.conf")
    assert set(gathered("start", config_folder=str(site.own))) == {"error"}


def test_how_the_cluster_starts(site: Site) -> None:
    site.file("start.conf", "# a comment\nmanual\n")
    assert gathered("start", config_folder=str(site.own)) == {"value": "manual"}


def test_a_file_without_an_end_is_not_read(site: Site) -> None:
    large = site.file("start.conf")
    os.truncate(large, 5 << 20)
    assert "is not read" in gathered("start", config_folder=str(site.own))["error"]


def test_pg_control_is_read_as_its_owner(site: Site) -> None:
    """pg_controldata would show eight bytes of any file as the cluster's number."""
    binaries = programs(15) or programs(16)
    assert binaries is not None
    shutil.copytree(binaries.parent, site.etc.parent / "programs", symlinks=True)
    site.file("data/global/x")
    site.shadow.write_text(SECRET * 400)
    ask: Callable[[], Any] = lambda: gathered(  # noqa: E731
        "control", data_directory=f"{site.own}/data", binaries=f"{site.etc.parent}/programs/bin"
    )
    assert ask() == {"value": None}
    site.link("data/global/pg_control", site.shadow)
    assert "ermission denied" in ask()["error"]


def test_a_certificate_is_read_from_its_place_alone(site: Site) -> None:
    """Its fingerprint tells whether a file of root's is this or that certificate."""
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made = [*words, "-subj", "/CN=x", "-keyout", "/dev/null", "-out", str(site.etc.parent / "crt")]
    subprocess.run(made, check=True, capture_output=True)
    text = script().partition('if __name__ == "__main__":')[0]
    linked = site.link("pgdeploy.crt", site.etc.parent / "crt")
    assert python(["-I", "-"], f"{text}\nprint(_file({str(linked)!r}))").returncode == 1
    assert (
        "'file': '" in python(["-I", "-"], f"{text}\nprint(_file({str(site.etc.parent / 'crt')!r}))").stdout
    )
