"""Backups that are encrypted with age: by public keys alone, readable with the private one, and seen to be so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pyrage
import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.reach.embedded import Cluster
from tests.backups.town import SPEC, of_sql, run, write_spec
from tests.conftest import require_programs

KEY = pyrage.x25519.Identity.generate()
OTHER = pyrage.x25519.Identity.generate()
ENCRYPTED = f"{SPEC}  encryption: {{recipients: [{KEY.to_public()}], identity: {{file: key}}}}\n"
CHECK = "backup[repository].encrypted"


def write(place: Path, key: str) -> None:
    write_spec(place, ENCRYPTED)
    (place / "specs/key").write_text(key)


@pytest.fixture(scope="module")
def made(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a backup that was made without the private key."""
    place = tmp_path_factory.mktemp("made")
    write_spec(place, ENCRYPTED)
    done = run(place, "backup", "town", "now", "--dsn", server.dsn)
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    copytree(made, tmp_path / "copy")
    (tmp_path / "copy/specs/key").write_text(
        f"# created: 2026-01-15\n# public key: {KEY.to_public()}\n{KEY}\n"
    )
    return tmp_path / "copy"


def backup_of(place: Path) -> Path:
    (folder,) = (place / "specs/kept").glob("2*")
    return folder


def prove(place: Path) -> tuple[int, str]:
    done = run(place, "backup", "town", "prove", "--bin-dir", str(require_programs(15)))
    return done.returncode, done.stdout + done.stderr


def red(place: Path, server: Cluster) -> dict[str, str]:
    gate = Gate(load_target(place / "specs/town.yaml"), ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("backup")
    found = [one for one in gate.ask() if not one.check.id.startswith("backup[restore]")]
    assert CHECK in {one.check.id for one in found}
    return {one.check.id: one.actual for one in found if one.verdict is not Verdict.CONFORMS}


def test_nothing_of_it_can_be_read_without_the_key(made: Path, server: Cluster) -> None:
    files = [file for file in backup_of(made).rglob("*") if file.is_file() and file.name != "manifest.json"]
    assert len(files) >= 5
    assert all(file.read_bytes().startswith(b"age-encryption.org/v1\n") for file in files)
    assert red(made, server) == {}
    assert run(made, "backup", "town", "verify").returncode == 0


def test_with_the_key_it_is_proved_and_restored(place: Path, server: Cluster) -> None:
    code, said = prove(place)
    assert (code, "0 do not hold" in said) == (0, True), said
    words = ("--database", "shop", "--as", "again", "--yes", "--dsn", server.dsn)
    done = run(place, "restore", "town", *words)
    assert done.returncode == 0, done.stderr
    assert of_sql(server, "SELECT sum(id) FROM app.orders", "again") == [(5050,)]
    of_sql(server, "DROP DATABASE again", "postgres")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        (str(OTHER), "cannot be decrypted"),
        ("AGE-SECRET-KEY-1CANARY", "read something that is no private key"),
        ("canary", "read something that is no private key"),
        (None, "secret file "),
    ],
    ids=["another", "no key", "a word", "no file"],
)
def test_a_wrong_key_is_an_error_and_no_result(key: str | None, said: str, place: Path) -> None:
    (place / "specs/key").unlink()
    if key is not None:
        (place / "specs/key").write_text(key)
    code, message = prove(place)
    assert (code, said in message) == (1, True), message
    assert "canary" not in message.lower()
    assert str(OTHER) not in message
    assert not (place / "specs/kept/records").exists()


def test_without_a_declared_key_the_message_says_what_to_write(place: Path) -> None:
    write_spec(place, ENCRYPTED.replace(", identity: {file: key}", ""))
    code, message = prove(place)
    assert (code, "write where its private key is into backup: encryption: identity:" in message) == (1, True)


def _plain_file(place: Path) -> None:
    next(backup_of(place).rglob("*.dat.gz")).write_bytes(b"plain")


def _plain_backup(place: Path) -> None:
    file = backup_of(place) / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"recipients": []}))


def _other_key(place: Path) -> None:
    file = place / "specs/town.yaml"
    file.write_text(file.read_text().replace(str(KEY.to_public()), str(OTHER.to_public())))


@pytest.mark.parametrize(
    ("breaking", "actual"),
    [
        (_plain_file, ".dat.gz is not encrypted"),
        (_plain_backup, "Z is not encrypted"),
        (_other_key, "is encrypted to age1"),
    ],
)
def test_what_is_not_encrypted_is_red(
    breaking: Callable[[Path], None], actual: str, place: Path, server: Cluster
) -> None:
    breaking(place)
    found = red(place, server)
    assert list(found) == [CHECK]
    assert actual in found[CHECK]


def test_a_private_key_among_the_recipients_is_refused_and_not_shown(place: Path) -> None:
    write_spec(place, ENCRYPTED.replace(str(KEY.to_public()), str(OTHER)))
    with pytest.raises(SpecError, match="allowed: a public key") as caught:
        load_target(place / "specs/town.yaml")
    assert str(OTHER) not in str(caught.value)
