"""Signed records: a proof that no trusted key signed is no proof."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import copytree

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.errors import SpecError, TargetError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers.backup.signature import PAYLOAD_TYPE, sign, verified
from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret.reference import Secret
from tests.backups.town import SPEC, run, write_spec
from tests.conftest import require_programs


def keygen(folder: Path, name: str, *options: str) -> tuple[str, str]:
    """A private and a public key."""
    file = folder / name
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(file), *options]
    subprocess.run(command, check=True)
    return file.read_text(), file.with_suffix(".pub").read_text().strip()


def signed_spec(public: str) -> str:
    return f"{SPEC}  signing: {{trusted: ['{public}'], key: {{file: key}}}}\n"


@pytest.fixture(scope="module")
def made(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a backup and a signed proof."""
    place = tmp_path_factory.mktemp("signed")
    write_spec(place)
    _, public = keygen(place / "specs", "key")
    write_spec(place, signed_spec(public))
    assert run(place, "backup", "town", "now", "--dsn", server.dsn).returncode == 0
    proved = prove(place)
    assert proved[0] == 0, proved[1]
    return place


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    copytree(made, tmp_path / "copy")
    return tmp_path / "copy"


def prove(place: Path) -> tuple[int, str]:
    done = run(place, "backup", "town", "prove", "--bin-dir", str(require_programs(15)))
    return done.returncode, done.stdout + done.stderr


def record_of(place: Path) -> Path:
    (file,) = (place / "specs/kept/records").iterdir()
    return file


def red(place: Path, server: Cluster) -> dict[str, str]:
    gate = Gate(load_target(place / "specs/town.yaml"), ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("backup")
    return {one.check.id: one.actual for one in gate.ask() if one.verdict is Verdict.DRIFTS}


def test_what_a_trusted_key_signed_is_green(made: Path, server: Cluster) -> None:
    assert red(made, server) == {}
    envelope = json.loads(record_of(made).read_text())
    assert (envelope["payloadType"], len(envelope["signatures"])) == (PAYLOAD_TYPE, 1)
    assert "PRIVATE" not in record_of(made).read_text()


def _unsigned(place: Path) -> None:
    file = record_of(place)
    file.write_text(verified(file.read_text(), [(place / "specs/key.pub").read_text()]))


def _changed(place: Path) -> None:
    envelope = json.loads(record_of(place).read_text())
    record_of(place).write_text(json.dumps(envelope | {"payload": "e30="}))


def _of_another(place: Path) -> None:
    private, _ = keygen(place, "other")
    record = verified(record_of(place).read_text(), [(place / "specs/key.pub").read_text()])
    record_of(place).write_text(sign(record, Secret(private)))


def _as_something_else(place: Path) -> None:
    envelope = json.loads(record_of(place).read_text())
    record_of(place).write_text(json.dumps(envelope | {"payloadType": "text/plain"}))


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (_unsigned, "it is not signed"),
        (_changed, "no trusted key signed it, or it was changed since"),
        (_of_another, "no trusted key signed it, or it was changed since"),
        (_as_something_else, "it is signed as text/plain"),
    ],
)
def test_what_no_trusted_key_signed_is_no_proof(
    breaking: Callable[[Path], None], said: str, place: Path, server: Cluster
) -> None:
    breaking(place)
    found = red(place, server)
    assert set(found) == {"backup[repository].whole", "backup[restore].proved"}
    assert said in found["backup[repository].whole"]
    assert found["backup[restore].proved"] == "no restore was tried"


@pytest.mark.parametrize("key", ["a canary", "rsa", "with a passphrase", ""])
def test_a_key_that_cannot_sign_is_an_error_before_anything_is_restored(key: str, place: Path) -> None:
    file = place / "specs/key"
    file.unlink()
    if key == "rsa":
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-N", "", "-f", str(file)], check=True)
    elif key == "with a passphrase":
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "passphrase", "-f", str(file)], check=True)
    elif key:
        file.write_text(key)
    before = record_of(place)
    code, said = prove(place)
    assert (code, "restoring" in said, "canary" in said, "Traceback" in said) == (1, False, False, False), (
        said
    )
    assert record_of(place) == before


def test_without_a_key_it_says_what_to_write(place: Path) -> None:
    file = place / "specs/town.yaml"
    file.write_text(file.read_text().replace(", key: {file: key}", ""))
    code, said = prove(place)
    assert (code, "write where the private key is into backup: signing: key:" in said) == (1, True)


def test_a_private_key_is_no_trusted_one(place: Path) -> None:
    write_spec(place, signed_spec("AGE-SECRET-KEY-1"))
    with pytest.raises(SpecError, match="allowed: a public key, ssh-ed25519"):
        load_target(place / "specs/town.yaml")


def test_the_message_of_a_bad_key_holds_none_of_it() -> None:
    with pytest.raises(TargetError) as caught:
        sign("", Secret("canary"))
    assert "canary" not in str(caught.value)
