"""Every problem at once, and no consequence of another problem."""

from __future__ import annotations

from pathlib import Path

from tests.spec.example import problems, undeclared


def test_what_was_refused_does_not_hide_what_examiners_find(tmp_path: Path) -> None:
    text = """\
roles:
  app: {logn: true}
grants:
- {privilege: select, on: everything, to: nobody}
- {privilege: slect, on: everything, to: app}
- {privilege: select, on: everything, to: noone}
"""
    assert [line.split(";")[0] for line in problems(tmp_path, text, undeclared)] == [
        "spec.yaml:2:9: roles.app.logn: unknown key",
        "spec.yaml:4:43: grants[0].to: role nobody is not declared",
        'spec.yaml:5:15: grants[1].privilege: read "slect"',
        "spec.yaml:6:43: grants[2].to: role noone is not declared",
    ]


def test_a_problem_at_what_was_refused_is_not_told_twice(tmp_path: Path) -> None:
    text = "grants:\n- {privilege: select, on: everything, to: ''}\n"
    (line,) = problems(tmp_path, text, undeclared)
    assert "0 bytes" in line


def test_a_role_that_was_refused_is_not_called_undeclared(tmp_path: Path) -> None:
    text = "roles: {app: 5}\ngrants: [{privilege: select, on: everything, to: app}]\n"
    (line,) = problems(tmp_path, text, undeclared)
    assert line.startswith("spec.yaml:1:14: roles.app: read 5")


def test_a_later_round_finds_what_an_earlier_one_hid(tmp_path: Path) -> None:
    text = "window: {low: 2, high: 1}\nroles: {app: {login: 1}}\nnotes: [1, 2, a, 3]\n"
    assert [line.split(": ")[1] for line in problems(tmp_path, text)] == [
        "window", "roles.app.login", "notes[0]", "notes[1]", "notes[3]",
    ]  # fmt: skip


def test_a_whole_that_lost_a_part_is_not_judged(tmp_path: Path) -> None:
    (line,) = problems(tmp_path, "window: {low: 2, high: x}")
    assert "window.high" in line


def test_faults_of_the_document_come_along(tmp_path: Path) -> None:
    lines = problems(tmp_path, "notes: [1]\nnotes: []\n5: a\n")
    assert [line.split(":")[1] for line in lines] == ["1", "2", "3"]
