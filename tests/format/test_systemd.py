"""Unit files, tmpfiles.d and environment files, read back by systemd's own programs and by a shell."""

from __future__ import annotations

import re
import tempfile
from functools import partial
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pgdeploy.text import environment, systemd, tmpfiles
from pgdeploy.text.path import absolute
from tests.format.texts import law, takes, text
from tests.format.tool import said

paths = (
    st.lists(text, min_size=1, max_size=3)
    .map(lambda parts: "/" + "/".join(part.replace("/", "_") for part in parts))
    .filter(takes(absolute))
)


def verified(parts: list[str]) -> list[str]:
    """What systemd makes of units with these lines, in its own words."""
    with tempfile.TemporaryDirectory(prefix="pgdeploy-") as home:
        units = [Path(home) / f"pgdeploy{number:03}.service" for number in range(len(parts))]
        for unit, part in zip(units, parts, strict=True):
            unit.write_text(f"[Unit]\n{part}[Service]\nType=oneshot\nExecStart=/bin/true\n", encoding="utf-8")
        shown = said("systemd-analyze", "verify", "--man=no", *units, SYSTEMD_LOG_LEVEL="debug")
    blocks = dict(re.findall(r"(?ms)^\t-> Unit (\S+):\n(.*?)(?=^\t-> Unit |\Z)", shown))
    return [blocks[unit.name] for unit in units]


@law
@given(mounts=st.lists(paths, min_size=1, max_size=20, unique=True))
def test_a_unit_requires_the_mounts_of_the_spec(mounts: list[str]) -> None:
    (unit,) = verified(["".join(f"RequiresMountsFor={systemd.word(mount)}\n" for mount in mounts)])
    read = re.findall(r"\t\tRequiresMountsFor: (.*) \(origin-file\)\n", unit)
    assert sorted(read) == sorted(mounts)


descriptions = text.filter(takes(partial(systemd.assignment, "Description")))


@law
@given(values=st.lists(descriptions, min_size=1, max_size=12))
def test_a_text_of_a_unit_is_the_text_of_the_spec(values: list[str]) -> None:
    lines = [systemd.assignment("Description", value) for value in values]
    assert [re.search(r"\t\tDescription: (.*)\n", unit)[1] for unit in verified(lines)] == values  # type: ignore[index]


@law
@given(folders=st.lists(paths.filter(lambda path: len(path) < 80), min_size=1, max_size=12, unique=True))
def test_tmpfiles_cleans_the_folder_of_the_spec(
    folders: list[str],
) -> None:
    with tempfile.TemporaryDirectory(prefix="pgdeploy-") as home:
        root, config = Path(home) / "root", Path(home) / "pgdeploy.conf"
        for folder in folders:
            (root / folder.strip("/")).mkdir(parents=True, exist_ok=True)
            # what a pattern, or a blank, would find as well
            for other in (re.sub(r"[*?\[\]{}\\]", "x", folder), folder.split(" ")[0]):
                (root / other.strip("/")).mkdir(parents=True, exist_ok=True)
        config.write_text("".join(tmpfiles.cleaned(folder, 9) for folder in folders), encoding="utf-8")
        shown = said("systemd-tmpfiles", f"--root={root}", "--clean", config, SYSTEMD_LOG_LEVEL="debug")
        cleaned = re.findall(r'Cleanup threshold for directory "(.*)" is ', shown)
        assert sorted(cleaned) == sorted(str(root) + folder for folder in folders), shown


values = text.filter(takes(partial(environment.assignment, "X")))


GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
"""systemd's own reader of such files, for /etc/environment.d: it writes what it read for a shell."""


@law
@given(written=st.lists(values, min_size=1, max_size=12))
def test_systemd_and_a_shell_read_the_environment_of_the_spec(written: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="pgdeploy-") as home:
        assert in_a_shell(Path(home), assignments(written), len(written)) == written
        # the generator expands variables after it has read the file, and leaves a ~ to the shell
        plain = [value for value in written if not set("$~") & set(value)]
        folder = Path(home) / "environment.d"
        folder.mkdir()
        (folder / "x.conf").write_text(assignments(plain), encoding="utf-8")
        shown = said(GENERATOR, XDG_CONFIG_HOME=home, HOME=home)
        assert in_a_shell(Path(home), shown, len(plain)) == plain


def assignments(written: list[str]) -> str:
    return "".join(environment.assignment(f"X{number}", value) for number, value in enumerate(written))


def in_a_shell(folder: Path, lines: str, number: int) -> list[str]:
    """What a shell takes the first variables for."""
    file = folder / "lines"
    file.write_text(lines, encoding="utf-8")
    script = f". {file}; " + "".join(f"printf '%s\\n' \"$X{one}\"; " for one in range(number))
    return said("sh", "-c", script).split("\n")[:-1]
