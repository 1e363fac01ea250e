"""sysctl.d by procps, docker-compose.yaml by a YAML reader, and the formats that only words can be in."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from pgdeploy.text import compose, data_source, nft, sysctl
from pgdeploy.text.path import absolute
from pgdeploy.text.problem import ValueProblem
from tests.format.texts import law, takes, text
from tests.format.tool import said

KNOWN = ("vm.swappiness", "kernel.hostname", "kernel.domainname", "net.core.somaxconn")


@law
@given(written=st.dictionaries(st.sampled_from(KNOWN), text.filter(takes(sysctl.words)), min_size=1))
def test_sysctl_reads_the_settings_of_the_spec(written: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "x.conf"
    file.write_text("".join(sysctl.line(*pair) for pair in written.items()))
    shown = said("sysctl", "--dry-run", "-p", file)
    assert shown.splitlines() == [f"{name} = {' '.join(value.split())}" for name, value in written.items()]


@law
@given(value=st.text(st.characters(codec="utf-8")))
def test_yaml_reads_the_document_of_the_spec(value: str) -> None:
    document = compose.document({"key": value, value: [value]}).replace("$$", "$")
    assert YAML(typ="safe", pure=True).load(document) == {"key": value, value: [value]}
    # two escapes for one character are two characters to YAML readers in Go
    assert "\\ud8" not in document


@law
@given(value=text)
def test_a_dollar_is_never_a_variable_of_compose(value: str) -> None:
    assert "$" not in compose.document({"key": value}).replace("$$", "")


@law
@given(value=text)
def test_a_value_of_a_data_source_is_one_word(value: str) -> None:
    """As postgres_exporter takes it apart: at commas, blanks, and the first = of a word."""
    if takes(lambda one: data_source.pairs({"host": one}))(value):
        words = data_source.pairs({"host": value, "port": "1"}).split(",")[0].split(" ")
        assert [word.split("=", 1) for word in words] == [["host", value], ["port", "1"]]


@given(value=text)
def test_a_network_is_nothing_but_a_network(value: str) -> None:
    for written in (value, f"fe80::%{value}", f"fe80::%{value}/128", f"10.0.0.0/{value}"):
        if takes(nft.network)(written):
            assert nft.network(written) == str(ip_network(written))
            assert not set(nft.network(written)) - set("0123456789abcdef.:/")


@pytest.mark.parametrize(
    "path", ["", "a", "/a/../b", "/a/.", "/a\nb", "/a\x85b", "/" + "a" * 256, "/a" * 2100]
)
def test_a_path_that_root_cannot_trust(path: str) -> None:
    with pytest.raises(ValueProblem):
        absolute(path)
