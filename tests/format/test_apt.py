"""apt's sources, read back by apt."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.text import deb822
from pgdeploy.text.name_pattern import COMPONENT, SUITE, URI
from tests.format.texts import law, takes, text
from tests.format.tool import said

FORM = "$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)"

LETTERS = "aZ09.+~_/-"
uris = st.one_of(
    st.text("aZ09._~%!$&'*+,;=:@/-", max_size=12).map(lambda path: f"https://u:p@[fd00::1]:8080/x{path}x"),
    st.text(LETTERS, max_size=9).map(lambda path: f"http://apt.example.org/{path}x"),
).filter(re.compile(URI[0]).fullmatch)
suites = st.text(LETTERS, min_size=1, max_size=9).filter(re.compile(SUITE[0]).fullmatch)
components = st.lists(
    st.text(LETTERS, min_size=1, max_size=9).filter(re.compile(COMPONENT[0]).fullmatch),
    min_size=1,
    max_size=3,
    unique=True,
)
sources = st.tuples(uris, suites, components)


@law
@given(written=st.lists(sources, min_size=1, max_size=10))
def test_apt_reads_the_sources_of_the_spec(written: list[tuple[str, str, list[str]]], tmp_path: Path) -> None:
    file, lists = tmp_path / "x.sources", tmp_path / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(stanza(*source) for source in written))
    places = {"Dir::Etc::sourcelist": file, "Dir::State::lists": lists, "Dir::Cache": lists}
    places |= {"Dir::Etc::sourceparts": Path("/dev/null"), "Dir::State::status": Path("/dev/null")}
    options = [word for name, path in places.items() for word in ("-o", f"{name}={path}")]
    shown = said("apt-get", "-qq", "indextargets", *options, "--no-release-info", "--format", FORM)
    read = {tuple(line.split("\t")) for line in shown.splitlines() if "\t" in line}
    assert read == {(f"{uri}/", suite, part) for uri, suite, parts in written for part in parts}


def stanza(uri: str, suite: str, parts: list[str]) -> str:
    fields = {"Types": ["deb"], "URIs": [uri], "Suites": [suite], "Components": parts}
    return deb822.stanza({**fields, "Signed-By": ["/k"]})


@law
@given(words=st.lists(text, min_size=1, max_size=3))
def test_a_word_is_a_word(words: list[str]) -> None:
    if all(map(takes(lambda word: deb822.stanza({"X": [word]})), words)):
        (line,) = deb822.stanza({"X": words}).splitlines()
        assert line.split() == ["X:", *words]
