"""Laws of capture: what it writes is what the server is, and makes another server the same."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pgdeploy.gate.target import load_target
from pgdeploy.lifecycle.capture import Draft, draft, proved
from pgdeploy.model.spec import Spec
from pgdeploy.reach.embedded import Cluster
from tests.conftest import require_programs
from tests.properties.law import MAJOR, law, long_law
from tests.properties.making import make_objects
from tests.properties.server import clean, load, make
from tests.properties.strategy import specs


def captured(server: Cluster) -> Draft:
    """What is written, which the gate finds green and the plan has nothing to do about."""
    made = proved(draft(server, {}), "captured", server)
    assert made.problems == (), made.text
    return made


def makes_the_same(
    server: Cluster, spec: Spec, folder: Path, look: Callable[[], None] = lambda: None
) -> None:
    """What was captured makes an empty server so that the same is captured of it, byte for byte; `look` at both."""
    clean(server)
    make(load(spec), server)
    first = captured(server)
    look()
    file = folder / "captured.yaml"
    file.write_text(first.text)
    clean(server)
    with pytest.MonkeyPatch.context() as patch:
        for name in first.secrets:
            patch.setenv(name, "a secret that somebody filled in")
        make(load_target(file), server)
    assert captured(server).text == first.text
    look()


@law(10)
@given(spec=specs(MAJOR))
def test_what_is_captured_makes_the_same(
    server: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    makes_the_same(server, spec, tmp_path_factory.mktemp("captured"))


@law(5)
@given(spec=specs(15))
def test_what_is_captured_makes_the_same_on_15(
    server15: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    makes_the_same(server15, spec, tmp_path_factory.mktemp("captured"))


_SPELLED = re.compile(r"( SET \S+ TO ).*")
"""A value may be stored as 65536kB, and be captured as 64MB."""


def dumped(server: Cluster) -> list[str]:
    """What PostgreSQL's own dump says of the whole server, but for passwords and the spelling of settings."""
    program = require_programs(15) / "pg_dumpall"
    words = [str(program), "--schema-only", "--no-role-passwords", "--dbname", server.dsn]
    done = subprocess.run(words, capture_output=True, text=True, errors="backslashreplace", check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    return sorted(_SPELLED.sub(r"\1", line) for line in lines if line and not line.startswith(("--", "\\")))


def dumps_agree(server: Cluster, spec: Spec, folder: Path) -> None:
    # pg_dumpall refuses such a name
    assume(not any(set(name) & {"\n", "\r"} for name in (*spec.databases, *spec.roles)))
    dumps: list[list[str]] = []
    makes_the_same(server, spec, folder, lambda: dumps.append(dumped(server)))
    assert dumps[0] == dumps[1]


@law(5)
@given(spec=specs(15))
def test_the_dumps_of_both_servers_agree(
    server15: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dumps_agree(server15, spec, tmp_path_factory.mktemp("dumped"))


@long_law(8)
@given(spec=specs(14))
def test_the_dumps_of_both_servers_agree_on_14(
    server14: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dumps_agree(server14, spec, tmp_path_factory.mktemp("dumped"))


@law(8)
@given(spec=specs(MAJOR), data=st.data())
def test_objects_are_captured_with_their_owners_and_privileges(
    server: Cluster, spec: Spec, data: st.DataObject
) -> None:
    clean(server)
    target = load(spec)
    make(target, server)
    make_objects(spec, server, data.draw(st.sampled_from(list(spec.roles))))
    make(target, server)
    captured(server)


@long_law(25)
@given(spec=specs(MAJOR))
def test_what_is_captured_makes_the_same_often(
    server: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    makes_the_same(server, spec, tmp_path_factory.mktemp("captured"))
