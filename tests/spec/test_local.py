"""A file that a spec names is looked for beside the spec file that says it, wherever one stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.errors import SecretError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.secret.reference import SecretRef

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEn8Ptq4wQz5rKyH7ZzZVq0u0yT3CwVwT8bGq9l3nR2L me"

BASE = """\
roles:
  app: {login: true, password: {file: app.secret}}
  other: {login: true, password: {file: ../other.secret}}
  home: {login: true, password: {file: ~/home.secret}}
  whole: {login: true, password: {file: /run/whole.secret}}
"""
TOP = """\
extends: shared/base
postgres: 16
connect: {ssh: {host: db, key: keys/id, known_hosts: '%d/known', config: ssh.conf}}
roles:
  other: {password: {file: other.secret}}
settings:
  primary_conninfo: {file: standby.secret}
hba:
  - type: host
    database: all
    user: all
    address: all
    method: radius
    options: {radiusservers: [a, b], radiussecrets: [{file: one}, {env: TWO}]}
"""


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of specs; we are somewhere else."""
    folder, elsewhere = tmp_path / "specs", tmp_path / "elsewhere"
    (folder / "shared").mkdir(parents=True)
    elsewhere.mkdir()
    (folder / "shared" / "base.yaml").write_text(BASE)
    (folder / "top.yaml").write_text(TOP)
    monkeypatch.chdir(elsewhere)
    return folder


def file_of(value: object) -> str | None:
    assert isinstance(value, SecretRef)
    return value.file


def test_each_file_says_its_paths_relative_to_itself(specs: Path) -> None:
    spec = load_spec(specs / "top.yaml").value
    assert {role: file_of(body.password) for role, body in spec.roles.items()} == {
        "app": f"{specs}/shared/app.secret",
        "other": f"{specs}/other.secret",
        "home": "~/home.secret",
        "whole": "/run/whole.secret",
    }
    assert file_of(spec.settings["primary_conninfo"]) == f"{specs}/standby.secret"
    [(_, rule)] = spec.hba_rules
    secrets = rule.options["radiussecrets"]
    assert isinstance(secrets, tuple)
    assert [file_of(secret) for secret in secrets] == [f"{specs}/one", None]
    assert rule.options["radiusservers"] == ("a", "b")
    assert spec.connect is not None
    ssh = spec.connect.ssh
    assert ssh is not None
    assert (ssh.key, ssh.known_hosts, ssh.config) == (f"{specs}/keys/id", "%d/known", f"{specs}/ssh.conf")


def test_where_one_stands_does_not_matter(specs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (specs / "shared" / "app.secret").write_text("known\n")
    from_elsewhere = load_spec(specs / "top.yaml")
    monkeypatch.chdir(specs.parent)
    from_above = load_spec(Path("specs/top.yaml"))
    for loaded in (from_elsewhere, from_above):
        password = loaded.value.roles["app"].password
        assert password is not None
        if loaded is from_above:
            assert password.read().reveal() == "known"
    assert from_above.digest == from_elsewhere.digest


def test_what_is_not_there_says_where_it_was_looked_for(specs: Path) -> None:
    (specs.parent / "elsewhere" / "standby.secret").write_text("of the working folder")
    value = load_spec(specs / "top.yaml").value.settings["primary_conninfo"]
    assert isinstance(value, SecretRef)
    with pytest.raises(SecretError) as refused:
        value.read()
    said = str(refused.value)
    assert f"{specs}/standby.secret" in said
    assert said.endswith("(a relative path counts from the folder of the spec that says it)")


def test_a_key_is_no_path(specs: Path) -> None:
    vm = f"vm: {{cloud_init: {{ssh_keys: ['{KEY}', keys/id.pub]}}}}"
    (specs / "vm.yaml").write_text(f"extends: sandbox\n{vm}\n")
    sandbox = Path(__file__).parents[2] / "specs" / "prod-pg01.yaml"
    (specs / "sandbox.yaml").write_text(sandbox.read_text())
    loaded = load_spec(specs / "vm.yaml").value.vm
    assert loaded is not None
    assert loaded.cloud_init.ssh_keys == (KEY, f"{specs}/keys/id.pub")
