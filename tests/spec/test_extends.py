from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.spec.extends import Tree
from pgdeploy.spec.extends import read_tree as read_tree_of
from pgdeploy.spec.node import data
from pgdeploy.spec.source import FaultError


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder / "top.yaml"


def read_tree(file: Path) -> Tree:
    return read_tree_of(file, file.parent)


def fault(folder: Path, **files: str) -> str:
    with pytest.raises(FaultError) as caught:
        read_tree(write(folder, **files))
    return str(caught.value).replace(f"{folder}/", "").replace(str(folder), "FOLDER")


@pytest.mark.parametrize("name", ["base", "base.yaml", "[base]", "./base"])
def test_a_base_is_named_with_or_without_its_ending(tmp_path: Path, name: str) -> None:
    tree = read_tree(write(tmp_path, top=f"extends: {name}\na: 2\n", base="a: 1\nb: 1\n"))
    assert data(tree.root) == {"a": 2, "b": 1}
    assert [file.name for file in tree.files] == ["top.yaml", "base.yaml"]


def test_later_bases_change_earlier_ones(tmp_path: Path) -> None:
    tree = read_tree(
        write(tmp_path, top="extends: [one, two]\nc: 3", one="a: 1\nb: 1\nc: 1", two="b: 2\nc: 2")
    )
    assert data(tree.root) == {"a": 1, "b": 2, "c": 3}


def test_bases_in_other_folders_extend_from_there(tmp_path: Path) -> None:
    (tmp_path / "common").mkdir()
    write(tmp_path / "common", one="extends: two\na: 1", two="b: 2")
    assert data(read_tree(write(tmp_path, top="extends: common/one")).root) == {"a": 1, "b": 2}


def test_a_cycle_names_its_chain(tmp_path: Path) -> None:
    said = fault(tmp_path, top="extends: one", one="extends: two", two="a: 1\nextends: top")
    assert said == (
        "two.yaml:2:10: extends: files extend each other: top.yaml -> one.yaml -> two.yaml -> top.yaml"
    )
    assert "top.yaml -> top.yaml" in fault(tmp_path, top="extends: top")


def test_a_missing_base_suggests_its_neighbours(tmp_path: Path) -> None:
    said = fault(tmp_path, top="a: 1\nextends: bsae", base="")
    assert said == (
        "top.yaml:2:10: extends: there is no file bsae.yaml in FOLDER; did you mean base.yaml?; allowed: base.yaml"
    )


@pytest.mark.parametrize(
    "value", ["1", "''", "{a: b}", "[1]", "[[a]]", "null", "..", "/", "'a\n\n\nb'", "x" * 300]
)
def test_what_is_no_file_name(tmp_path: Path, value: str) -> None:
    assert fault(tmp_path, top=f"extends: {value}").startswith("top.yaml:1:")


def test_a_fault_of_a_base_has_the_place_of_the_base(tmp_path: Path) -> None:
    assert fault(tmp_path, top="extends: base", base="a: [").startswith("base.yaml:1:")
    tree = read_tree(write(tmp_path, top="extends: base", base="a: 1\na: 1"))
    assert [fault.place.line for fault in tree.faults] == [2]


def test_a_ladder_of_shared_bases_is_read_once_each(tmp_path: Path) -> None:
    rungs = {f"r{i}": f"extends: [r{i + 1}, r{i + 1}]\nk{i}: 1" for i in range(40)}
    tree = read_tree(write(tmp_path, top="extends: r0", r40="a: 1", **rungs))
    assert len(tree.files) == 42


def test_a_chain_without_end_ends(tmp_path: Path) -> None:
    chain = {f"r{i}": f"extends: r{i + 1}" for i in range(60)}
    assert "more than 50 files" in fault(tmp_path, top="extends: r0", r60="", **chain)


LEAVES = [
    "/etc/passwd",
    "/nonexistent",
    "../outside",
    "../outside.yaml",
    "../nonexistent",
    "common/../../outside",
    "[base, ../outside]",
    "linked",
    "linked_folder/outside",
    "../specs-too/base",
]


@pytest.mark.parametrize("name", LEAVES)
def test_a_base_outside_of_the_folder_is_refused_unread(tmp_path: Path, name: str) -> None:
    """Whether the file exists makes no difference to what is said, nor does what it holds."""
    specs = tmp_path / "specs"
    for folder in (specs / "common", tmp_path / "specs-too"):
        folder.mkdir(parents=True)
    write(tmp_path, outside="sentinel: 1\n")
    write(tmp_path / "specs-too", base="sentinel: 1\n")
    write(specs, base="a: 1\n")
    (specs / "linked.yaml").symlink_to(tmp_path / "outside.yaml")
    (specs / "linked_folder").symlink_to(tmp_path)
    said = fault(specs, top=f"a: 1\nextends: {name}\n")
    assert said.startswith("top.yaml:2:")
    assert "leads out of" in said or "is an absolute path" in said
    assert "sentinel" not in said


def test_files_may_extend_each_other_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "prod").mkdir()
    write(tmp_path, base="a: 1\n")
    (tmp_path / "prod" / "linked.yaml").symlink_to(tmp_path / "base.yaml")
    top = write(tmp_path / "prod", top="extends: [../base, linked]\nb: 2\n")
    assert data(read_tree_of(top, tmp_path).root) == {"a": 1, "b": 2}


def test_a_loop_of_links_is_no_base(tmp_path: Path) -> None:
    (tmp_path / "one.yaml").symlink_to(tmp_path / "two.yaml")
    (tmp_path / "two.yaml").symlink_to(tmp_path / "one.yaml")
    assert "there is no file one.yaml" in fault(tmp_path, top="extends: one")
