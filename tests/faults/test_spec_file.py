"""Whatever stands in a spec file, or instead of one: a line for each problem, with its place; never a traceback."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pgdeploy.cli import main
from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.lint import lint

LINE = re.compile(r"^[^\n]+:\d+:\d+: \S.*$")
LONG = 3000
"""Characters: no line is longer, whatever was read."""

ROLES = "postgres: 16\nroles: {postgres: {superuser: true, login: true}, a: {%s}}\n"
SETTING = "postgres: 16\nsettings: {%s}\n"
HOST = "postgres: 16\nroles: {postgres: {superuser: true}}\nconnect: {ssh: {host: a}}\nhost: {%s}\n"
VM = """postgres: 16
vm:
  proxmox: {host: a, user: a@pve, token: abc, secret: {env: A}}
  id: %s
  name: x
  node: a
  template: 101
  cores: %s
  memory: %s
  disks: {scsi0: {storage: local, size: %s}}
  network: {bridge: vmbr0, address: %s}
  cloud_init: {ssh_keys: [a]}
  within: %s
"""
GOOD = ("100", "2", "4GB", "10GB", "192.0.2.8/24", "10min")
NINES = "9" * 5000


def role(text: str) -> str:
    return ROLES % text


def setting(text: str) -> str:
    return SETTING % text


def vm(at: int, text: str) -> str:
    return VM % (*GOOD[:at], text, *GOOD[at + 1 :])


# What stands in the file, and what is said of it.
CASES: dict[str, tuple[str | bytes, str]] = {
    # numbers
    "digits without end": (f"postgres: {NINES}\n", "number of 5000 digits"),
    "digits, as text": (setting(f"work_mem: '{NINES}'"), "settings.work_mem: "),
    "digits with a unit": (setting(f"work_mem: {NINES}kB"), "settings.work_mem: "),
    "hexadecimal without end": (setting(f"work_mem: 0x{'f' * 5000}"), "number of 5002 digits"),
    "hexadecimal without end, as text": (setting(f"work_mem: '0x{'f' * 5000}'"), "settings.work_mem: "),
    "octal without end": (setting(f"work_mem: '0{'7' * 5000}'"), "settings.work_mem: "),
    "a fraction without end": (setting(f"seq_page_cost: '0.{NINES}1e9999999'"), "settings.seq_page_cost: "),
    "an exponent without end": (setting("seq_page_cost: 1e999999"), "settings.seq_page_cost: "),
    "an exponent without end, as text": (setting("seq_page_cost: '1e999999999999'"), "settings.seq_page_cost: "),
    "a hexadecimal exponent": (setting("seq_page_cost: '0x1p999999999'"), "settings.seq_page_cost: "),
    "infinity": (setting("seq_page_cost: .inf"), "settings.seq_page_cost: "),
    "no number": (setting("seq_page_cost: .nan"), "settings.seq_page_cost: "),
    "infinity for a whole number": (role("connection_limit: .inf"), "roles.a.connection_limit: "),
    "a limit of connections": (role("connection_limit: 99999999999999999999"), "roles.a.connection_limit: "),
    "a limit below zero": (role("connection_limit: -2"), "roles.a.connection_limit: "),
    "a limit in base sixty": (role("connection_limit: 1:30"), "roles.a.connection_limit: "),
    "a version": ("postgres: 99999999999999999999\n", "postgres: "),
    "a port": ("postgres: 16\nconnect: {ssh: {host: a, port: 99999999999999999999}}\n", "connect.ssh.port: "),
    "cores": ("postgres: 16\nmachine: {cores: 1e400}\n", "machine.cores: "),
    "standbys": (setting(f"synchronous_standby_names: 'FIRST {NINES} (a)'"), "settings.synchronous_standby_names: "),
    "memory of a vm": (vm(2, f"{NINES}GB"), "vm.memory: "),
    "a disk of a vm": (vm(3, f"{NINES}GB"), r"vm.disks.scsi0.size: "),
    "an address": (vm(4, f"192.0.2.8/{NINES}"), "vm.network.address: "),
    "a wait": (vm(5, f"{NINES}d"), "vm.within: "),
    "a span of the host": (HOST % f"keep_logs: {NINES}d", "host.keep_logs: "),
    "huge pages": (HOST % "kernel: {huge_pages: 99999999999999999999999}", "host.kernel.huge_pages: "),
    "a file limit": (HOST % f"limits: {{open_files: {'9' * 300}}}", "host.limits.open_files: "),
    "an exporter's port": (HOST % f"exporter: {{role: postgres, listen: '1.2.3.4:{NINES}'}}", "host.exporter.listen: "),
    "a version of packages": (HOST % f"packages: {{version: '{NINES}/'}}", "host.packages.version: "),
    # dates
    "a year": (role("valid_until: 99999-01-01x"), "roles.a.valid_until: "),
    "a year without end": (role(f"valid_until: '{NINES}-01-01'"), "roles.a.valid_until: "),
    "a day that is none": (role("valid_until: 2027-02-31"), "roles.a.valid_until: "),
    "a zone": (role("valid_until: '2027-01-01 00:00:00+99:99'"), "roles.a.valid_until: "),
    "a waiver's day": (
        "postgres: 16\nwaivers: [{rule: PGD101, reason: it is as it is, until: 99999-01-01}]\n", r"waivers\[0\].until: "),  # noqa: E501
    # names
    "a name without end": (f"postgres: 16\nroles:\n  ? {'r' * 1_000_000}\n  : {{}}\n", "allowed: 1 to 63 bytes"),
    "a key without end": (f"postgres: 16\n? {'k' * 100_000}\n: 1\n", "unknown key"),
    "a setting without end": (f"postgres: 16\nsettings:\n  ? {'s' * 100_000}\n  : 1\n", "is not a PostgreSQL"),
    "a role without end": (role(f"member_of: [{'r' * 50}, '{'ü' * 2000}']"), "roles.a.member_of"),
    "a role of PostgreSQL's without end": (role(f"member_of: [pg_{'r' * 50_000}]"), "roles.a.member_of"),
    "a value without end": (setting(f"wal_level: {'v' * 100_000}"), "settings.wal_level: "),
    "a base without end": (f"extends: {'b' * 100_000}\n", "extends: "),
    "no name": ("postgres: 16\nroles: {'': {}}\n", "1 to 63 bytes"),
    "NUL in a name": ('postgres: 16\nroles: {"a\\0b": {}}\n', "NUL"),
    "half a character": ('postgres: 16\nroles: {"\\ud800": {}}\n', "half a surrogate pair"),
    # YAML
    "deep lists": ("postgres: 16\nroles: " + "[" * 10_000, "nests deeper than 50"),
    "deep mappings": ("postgres: 16\nroles: " + "{a: " * 10_000, "nests deeper than 50"),
    "a list in itself": ("postgres: 16\nroles: &a [*a]\n", "contain itself"),
    "a mapping in itself": ("postgres: 16\nroles: &a {b: *a}\n", "contain itself"),
    "a merge of itself": ("postgres: 16\nroles: &a {<<: *a}\n", "contain itself"),
    "a bomb": (
        "a0: &a0 [x, x]\n" + "".join(f"a{at}: &a{at} [*a{at - 1}, *a{at - 1}]\n" for at in range(1, 40)),
        "aliases stand for more than"),
    "a bomb of merges": (
        "a0: &a0 {k0: 1, k1: 2}\n" + "".join(f"a{at}: &a{at} {{b: *a{at - 1}, c: *a{at - 1}}}\n" for at in range(1, 40)),  # noqa: E501
        "aliases stand for more than"),
    "a tag": ("postgres: !!python/object/apply:os.system ['touch ran']\n", "tags"),
    "a tag for a number": ("postgres: !!int '16'\n", "tags"),
    "two documents": ("postgres: 16\n---\npostgres: 16\n", "a second document"),
    "a directive": ("%TAG ! tag:a,2000:\n---\npostgres: 16\n", "directives"),
    "a key twice": ("postgres: 16\npostgres: 16\n", "is already at line 1"),
    "a tab": ("postgres:\t16\nroles:\n\ta: {}\n", "tab"),
    "a list": ("- postgres: 16\n", "a spec is a mapping"),
    "a text": ("postgres\n", "a spec is a mapping"),
    "a null of a key": ("postgres: 16\nnull: 1\n", "is not text"),
    "a list of a key": ("postgres: 16\n? [a]\n: 1\n", "cannot be a key"),
    "an open quote": ("postgres: '16\n", "never closed"),
    # bytes
    "UTF-16": ("postgres: 16\n".encode("utf-16"), "not UTF-8"),
    "UTF-32": ("postgres: 16\n".encode("utf-32"), "not UTF-8"),
    "UTF-16 without a mark": ("postgres: 16\n".encode("utf-16-le"), r"U\+0000"),
    "Latin-1": ("description: é\n".encode("latin-1"), "not UTF-8"),
    "NUL": (b"postgres: 16\0\n", r"U\+0000"),
    "a surrogate": ("description: \ud800\n".encode("utf-8", "surrogatepass"), "not UTF-8"),
    "an escape sequence": (b"description: \x1b[31mred\n", r"U\+001B"),
    "nothing": (b"", "postgres: this key is required"),
    "too much": (b"#" * 16_000_001, "is larger than"),
}  # fmt: skip


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PGDEPLOY_SPECS", raising=False)
    (tmp_path / "specs").mkdir()
    yield tmp_path / "specs"
    assert not (tmp_path / "ran").exists()


def said(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", ["pgdeploy", "lint", name])
    with pytest.raises(SystemExit) as ended:
        main()
    output = capsys.readouterr()
    assert ended.value.code == 1, output.out
    return output.err


@pytest.mark.parametrize("case", CASES)
def test_each_problem_has_its_line(
    specs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    content, message = CASES[case]
    (specs / "x.yaml").write_bytes(content.encode() if isinstance(content, str) else content)
    answer = said("x", monkeypatch, capsys)
    assert re.search(message, answer), answer[:LONG]
    for line in answer.splitlines():
        assert LINE.match(line), line[:LONG]
        assert line.startswith("specs/x.yaml:")
        assert line.isprintable()
        assert len(line) <= LONG


@pytest.mark.parametrize("kind", ["directory", "pipe", "zero", "dangling", "loop", "unreadable"])
def test_what_is_no_file(
    specs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    file = specs / "x.yaml"
    match kind:
        case "directory":
            file.mkdir()
        case "pipe":
            os.mkfifo(file)
        case "zero":
            file.symlink_to("/dev/zero")
        case "dangling":
            file.symlink_to("nowhere")
        case "loop":
            file.symlink_to("x.yaml")
        case _:
            file.write_text("postgres: 16\n")
            file.chmod(0)
            if os.access(file, os.R_OK):
                pytest.skip("root reads every file")
    for name in ("x", "specs/x.yaml"):
        answer = said(name, monkeypatch, capsys)
        assert "x.yaml" in answer or "no target x" in answer
        assert "Traceback" not in answer
        assert len(answer.splitlines()) == 1


def test_of_very_many_problems_the_first_are_said_and_all_are_counted(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "postgres: 16\nroles:\n" + "".join(f"  r{at}: {{member_of: [x{at}]}}\n" for at in range(2000))
    )
    with pytest.raises(SpecError) as caught:
        load_spec(tmp_path / "x.yaml")
    assert caught.value.count == 2000
    assert len(caught.value.problems) == 201
    assert caught.value.problems[-1].endswith(
        ":203:22: and 1,800 more problems from here on; mend the first ones first"
    )


VALID = (Path(__file__).parents[2] / "specs" / "prod-pg01.yaml").read_text(encoding="utf-8")
PIECES = st.sampled_from(
    [*"\n\t:-&*!|>'\"{}[],#?%@ \\0aé\r\0", "", "<<: ", "\n  ", "9" * 400, "1e999", ".inf", ".nan", "0x", "null", "99999-01-01",  # noqa: E501
     "&a ", "*a", "!!int ", "---\n", "PUBLIC", "-1", "[]", "{}", "''", "~", "true", "pg_", "64MB", "1:30"]
)  # fmt: skip


def outcome(folder: Path, raw: bytes) -> None:
    """It loads, and then lint has its say; or each problem has a line."""
    file = folder / "x.yaml"
    file.write_bytes(raw)
    problems: tuple[str, ...] = ()
    try:
        loaded = load_spec(file)
    except SpecError as error:
        problems = error.problems or ("nothing is said",)
    assert all(LINE.match(line) and line.isprintable() for line in problems)
    if problems:
        return
    assert all(advice.text.isprintable() for advice in lint(loaded.value, date(2026, 1, 1), loaded.place))


FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@FEW
@given(st.data())
def test_a_valid_spec_with_a_few_characters_changed(tmp_path: Path, draw: st.DataObject) -> None:
    text = VALID
    for _ in range(draw.draw(st.integers(1, 3))):
        at, length = draw.draw(st.integers(0, len(text))), draw.draw(st.integers(0, 8))
        text = text[:at] + draw.draw(PIECES) + text[at + length :]
    outcome(tmp_path, text.encode("utf-8", "surrogatepass"))


@FEW
@given(st.data())
def test_a_valid_spec_with_a_value_changed(tmp_path: Path, draw: st.DataObject) -> None:
    """Every value of the spec, in turn, is something else."""
    places = [found.span(1) for found in re.finditer(r"[:\[,] ([^\s,\[\]{}#&*'\"]+)", VALID)]
    start, end = draw.draw(st.sampled_from(places))
    text = VALID[:start] + draw.draw(PIECES) + VALID[end:]
    outcome(tmp_path, text.encode())


@FEW
@given(st.binary(max_size=200))
@example(b"\xff\xfe")
def test_any_bytes(tmp_path: Path, raw: bytes) -> None:
    outcome(tmp_path, raw)
    outcome(tmp_path, b"postgres: 16\n" + raw)
