"""Laws of capture: what it writes is what the server is, and makes another server the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.gate.target import load_target
from pgdeploy.lifecycle.capture import Draft, draft, proved
from pgdeploy.model.spec import Spec
from pgdeploy.reach.embedded import Cluster
from tests.properties.law import MAJOR, law, long_law
from tests.properties.making import make_objects
from tests.properties.server import clean, load, make
from tests.properties.strategy import specs


def captured(server: Cluster) -> Draft:
    """What is written, which the gate finds green and the plan has nothing to do about."""
    made = proved(draft(server, {}), "captured", server)
    assert made.problems == (), made.text
    return made


def makes_the_same(server: Cluster, spec: Spec, folder: Path) -> None:
    """What was captured makes an empty server so that the same is captured of it, byte for byte."""
    clean(server)
    make(load(spec), server)
    first = captured(server)
    file = folder / "captured.yaml"
    file.write_text(first.text)
    clean(server)
    with pytest.MonkeyPatch.context() as patch:
        for name in first.secrets:
            patch.setenv(name, "a secret that somebody filled in")
        make(load_target(file), server)
    assert captured(server).text == first.text


@law(25)
@given(spec=specs(MAJOR))
def test_what_is_captured_makes_the_same(
    server: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    makes_the_same(server, spec, tmp_path_factory.mktemp("captured"))


@law(10)
@given(spec=specs(15))
def test_what_is_captured_makes_the_same_on_15(
    server15: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    makes_the_same(server15, spec, tmp_path_factory.mktemp("captured"))


@law(12)
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


@long_law(40)
@given(spec=specs(MAJOR))
def test_what_is_captured_makes_the_same_often(
    server: Cluster, spec: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    makes_the_same(server, spec, tmp_path_factory.mktemp("captured"))
