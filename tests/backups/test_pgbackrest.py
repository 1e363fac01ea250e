"""pgBackRest without a host: its files, what its verify says, what its answers mean, and what is wrong in a spec."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.core.facts import Facts, ServerFact
from pgdeploy.errors import SpecError, TargetError, Unreadable
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.backup.pgbackrest.config import SECRET_OPTIONS, config_file
from pgdeploy.layers.backup.pgbackrest.contents import Archiver, Contents
from pgdeploy.layers.backup.pgbackrest.on_host import gather
from pgdeploy.layers.backup.pgbackrest.operate import chosen
from pgdeploy.layers.backup.pgbackrest.target import RecoveryTarget
from pgdeploy.layers.backup.pgbackrest.timer import unit_files
from pgdeploy.layers.backup.pgbackrest.verify import wrong
from pgdeploy.layers.host.layout import Layout
from pgdeploy.secret.masked import MASK
from pgdeploy.text.pgbackrest_conf import section
from pgdeploy.text.problem import ValueProblem

SPEC = """\
postgres: 16
connect: {ssh: {host: pg01}}
host: {}
databases: {shop: {}}
backup:
  engine: pgbackrest
  preset: production
  repositories:
    - {passphrase: {env: BACKUP_PASSPHRASE}}
    - s3: {bucket: kept, endpoint: 's3.example.org:9000', region: x, style: path, ca: /etc/ssl/store.crt,
           key: {env: S3_KEY}, secret: {env: S3_SECRET}}
"""
NOW = 1_800_000_000.0


def loaded(folder: Path, text: str = SPEC) -> Target:
    (folder / "pg01.yaml").write_text(text)
    return load_target(folder / "pg01.yaml")


def test_its_file_holds_secrets_only_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("BACKUP_PASSPHRASE", "S3_KEY", "S3_SECRET"):
        monkeypatch.setenv(name, f"canary-{name}")
    spec: Any = loaded(tmp_path).spec
    masked, whole = config_file(spec, spec.backup), config_file(spec, spec.backup, reveal=True)
    assert "canary" not in masked.text
    assert (whole.owner, whole.group, whole.mode) == ("root", "postgres", "0640")
    lines = whole.text.splitlines()
    for line in (
        "repo1-cipher-pass=canary-BACKUP_PASSPHRASE",
        "repo1-retention-full-type=time",
        "repo1-retention-full=30",
        "repo2-s3-endpoint=s3.example.org",
        "repo2-storage-port=9000",
        "repo2-s3-uri-style=path",
        "repo2-storage-ca-file=/etc/ssl/store.crt",
        "repo2-s3-key-secret=canary-S3_SECRET",
        "pg1-path=/var/lib/postgresql/16/main",
    ):
        assert line in lines, line


def test_no_secret_of_any_store_is_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """Options that somebody wrote by hand, too: what is shown as drift is masked where it is read."""
    names = "repo1-cipher-pass repo2-s3-key repo2-s3-key-secret repo3-azure-key repo3-s3-token"
    names += " repo4-sftp-private-key-passphrase"
    monkeypatch.setattr(gather, "question", {"secret_options": SECRET_OPTIONS, "mask": MASK})
    for name in names.split():
        assert gather.masked(f"{name} = canary\n") == f"{name} ={MASK}\n"
    for line in ("repo1-path=/x\n", "repo2-s3-key-type=shared\n", "repo1-storage-ca-file=/x\n", "[main]\n"):
        assert gather.masked(line) == line


@pytest.mark.parametrize("value", ["two\nlines", "", " ends", "ends ", "a\0b"])
def test_a_value_that_would_be_read_as_another_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(ValueProblem) as caught:
        section("global", {"repo1-cipher-pass": value})
    assert "repo1-cipher-pass" in str(caught.value)
    assert not value or value not in str(caught.value)


def test_the_server_archives_and_pg01_installs_it(tmp_path: Path) -> None:
    layout = Layout(loaded(tmp_path).spec)
    assert layout.settings["archive_mode"] is True
    assert layout.settings["archive_command"] == "pgbackrest --stanza=main archive-push %p"
    assert "pgbackrest" in layout.packages


def test_timers_are_of_the_schedule(tmp_path: Path) -> None:
    spec: Any = loaded(tmp_path).spec
    files = {file.path.rpartition("/")[2]: file.text for file in unit_files(spec, spec.backup)}
    assert sorted(files) == [
        f"pgdeploy-backup-{kind}.{end}" for kind in ("diff", "full", "incr") for end in ("service", "timer")
    ]
    assert "OnCalendar=*-*-* *:00:00" in files["pgdeploy-backup-incr.timer"]
    assert "for repo in 1 2;" in files["pgdeploy-backup-full.service"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("host: {}\n", "", "pgbackrest runs on the server's host: write `host:`, or take engine pg_dump"),
        (
            "host: {}",
            "host: {}\nsettings: {archive_mode: off}",
            "`backup:` makes archive_mode what it must be",
        ),
        ("host: {}", "host: {}\nsettings: {wal_level: minimal}", "replica or logical"),
        ("{passphrase:", "{retention: {count: 1, days: 2}, passphrase:", "write one of them"),
        ("- {passphrase: {env: BACKUP_PASSPHRASE}}", "- {}\n    - {}", "another repository is there already"),
        ("preset: production", "schedule: {full: '60 * * * *'}", "60 is no minute"),
        ("preset: production", "invariants: {shp: [{sql: SELECT 1, returns: 1}]}", "did you mean shop"),
        ("engine: pgbackrest", "engine: barman", "barman"),
        ("preset: production", "jobs: 0", "at least 1"),
        ("preset: production", "encryption: {}", "this key does not go with the others here"),
        ("'s3.example.org:9000'", "https://s3.example.org", "a name without https://"),
        ("/etc/ssl/store.crt", "/etc/../store.crt", "an absolute path on the host"),
    ],
)
def test_what_is_wrong_in_a_spec_is_said_at_its_line(old: str, new: str, says: str, tmp_path: Path) -> None:
    assert old in SPEC
    with pytest.raises(SpecError) as caught:
        loaded(tmp_path, SPEC.replace(old, new, 1))
    assert any(says in line for line in caught.value.lines), caught.value.lines
    assert all("pg01.yaml:" in line for line in caught.value.lines)


GOOD = """\
stanza: main
status: ok
  archiveId: 16-1, total WAL checked: 3, total valid WAL: 3
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
  backup: 20270115-080000F, status: valid, total files checked: 9, total valid files: 9
    missing: 0, checksum invalid: 0, size invalid: 0, other: 0
"""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("", "", []),
        ("WAL: 3\n    missing: 0", "WAL: 2\n    missing: 1", ["archiveId: 16-1: 1 missing"]),
        ("valid, total files", "invalid, total files", ["backup: 20270115-080000F is invalid"]),
        ("status: ok", "status: error", ["status error"]),
    ],
)
def test_words_of_its_verify(old: str, new: str, says: list[str]) -> None:
    assert wrong(GOOD.replace(old, new, 1)) == says


@pytest.mark.parametrize("said", ["", "stanza: main\nstatus: ok\n", "ERROR: no"])
def test_a_verify_that_says_nothing_verified_nothing(said: str) -> None:
    with pytest.raises(TargetError, match="nothing was verified"):
        wrong(said)


# -- what its answers mean -----------------------------------------------------------------------------


def backup(label: str, ended: float, wal: str = "000000010000000000000002") -> dict[str, Any]:
    return {
        "label": label,
        "type": "full" if label.endswith("F") else "incr",
        "timestamp": {"start": ended - 5, "stop": ended},
        "database": {"id": 1, "repo-key": 1},
        "archive": {"start": wal, "stop": wal},
        "info": {"size": 1000},
        "error": False,
    }


def info(*backups: dict[str, Any], last: str = "000000010000000000000009", code: int = 0) -> dict[str, Any]:
    return {
        "value": [
            {
                "repo": [{"key": 1, "cipher": "aes-256-cbc", "status": {"code": code, "message": "ok"}}],
                "backup": list(backups),
                "archive": [{"database": {"id": 1, "repo-key": 1}, "min": "0", "max": last}],
            }
        ]
    }


def contents(said: dict[str, Any], **more: Any) -> Contents:
    host = {
        "now": {"value": NOW},
        "info": {"value": {"1": said, "2": {"error": "no answer"}}},
        "ready": {"value": {"number": 0, "oldest": 0.0}},
        **more,
    }
    return Contents(host, Archiver("on", "000000010000000000000009", 10.0, "", None))


def found(target: Target, what: Contents) -> dict[str, Verdict]:
    about = ServerFact(160000, "postgres", True, "UTF8", False)
    facts = Facts(about, None, {}, {}, sections={"backup": what})
    checks = [check for check in target.checks if check.id.startswith("backup[")]
    return {check.id: evaluate(check, facts).verdict for check in checks}


@pytest.mark.parametrize(
    ("said", "red"),
    [
        (info(backup("A_F", NOW - 60)), set()),
        (info(backup("A_F", NOW + 3600)), {"backup[newest 1].age", "backup[full 1].age"}),
        (info(backup("A_F", NOW - 9 * 86400), backup("B_I", NOW - 60)), {"backup[full 1].age"}),
        (info(), {"backup[newest 1].age", "backup[full 1].age"}),
        (info(backup("A_F", NOW - 60) | {"error": True}), {"backup[newest 1].whole"}),
        (info(backup("A_F", NOW - 60), last="000000010000000000000008"), {"backup[wal 1].stored"}),
        (info(backup("A_F", NOW - 60), last=""), {"backup[wal 1].stored"}),
        (info(backup("A_F", NOW - 60), last="000000020000000000000003"), set()),
    ],
    ids=["fine", "clock ahead", "old full", "none", "bad pages", "WAL lost", "no WAL", "new timeline"],
)
def test_each_answer_turns_its_check_red(said: dict[str, Any], red: set[str], tmp_path: Path) -> None:
    verdicts = found(loaded(tmp_path), contents(said))
    of_first = {name: verdict for name, verdict in verdicts.items() if " 1]" in name}
    assert {name for name, verdict in of_first.items() if verdict is not Verdict.CONFORMS} == red
    of_second = [verdict for name, verdict in verdicts.items() if " 2]" in name]
    assert set(of_second) == {Verdict.UNREADABLE}


@pytest.mark.parametrize(
    ("archiver", "verdict"),
    [
        (Archiver("on", "x", 10.0, "", None), Verdict.CONFORMS),
        (Archiver("always", "x", 10.0, "y", 20.0), Verdict.CONFORMS),
        (Archiver("on", "x", 10.0, "y", 5.0), Verdict.DRIFTS),
        (Archiver("on", "", None, "y", 5.0), Verdict.DRIFTS),
        (Archiver("on", "", None, "", None), Verdict.DRIFTS),
        (Archiver("off", "x", 10.0, "", None), Verdict.DRIFTS),
        (Unreadable("no server"), Verdict.UNREADABLE),
    ],
)
def test_archiving(archiver: Archiver | Unreadable, verdict: Verdict, tmp_path: Path) -> None:
    what = replace(contents(info(backup("A_F", NOW - 60))), archiver=archiver)
    assert found(loaded(tmp_path), what)["backup[wal].archiving"] is verdict


def test_wal_that_waits_for_longer_than_rpo(tmp_path: Path) -> None:
    waits = {"ready": {"value": {"number": 3, "oldest": 901.0}}}
    verdicts = found(loaded(tmp_path), contents(info(backup("A_F", NOW - 60)), **waits))
    assert verdicts["backup[wal].lag"] is Verdict.DRIFTS


def test_the_backup_that_leads_to_a_target(tmp_path: Path) -> None:
    spec: Any = loaded(tmp_path).spec
    old, new = backup("A_F", NOW - 600), backup("B_F", NOW - 60, "000000020000000000000002")
    what = contents(info(old, new))

    def label(target: RecoveryTarget, wanted: str | None = None) -> str:
        return chosen(what, spec.backup, wanted, target).label

    assert label(RecoveryTarget()) == "B_F"
    assert label(RecoveryTarget(), "A_F") == "A_F"
    assert label(RecoveryTarget.at(NOW - 300)) == "A_F"
    assert label(RecoveryTarget(timeline="1")) == "A_F"
    for target, wanted in (
        (RecoveryTarget.at(NOW - 900), None),
        (RecoveryTarget(timeline="1"), "B_F"),
        (RecoveryTarget(), "C_F"),
    ):
        with pytest.raises(TargetError):
            label(target, wanted)


def test_the_options_of_a_target() -> None:
    assert RecoveryTarget().options == ["--type=default"]
    at = RecoveryTarget.at(1_768_487_400.9999999)
    assert "--target=2026-01-15 14:30:01.000000+00" in at.options
    assert "--target-action=promote" in at.options
    assert "--target-timeline=3" in RecoveryTarget("lsn", "0/1", timeline="3").options


def test_the_schema_knows_both_engines(tmp_path: Path) -> None:
    import jsonschema

    schema = json.loads((Path(__file__).parent.parent.parent / "specs/spec.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    base = {"postgres": 16, "databases": {"shop": {}}}
    assert validator.is_valid(base | {"backup": {"engine": "pgbackrest", "repositories": [{}]}})
    assert validator.is_valid(base | {"backup": {"repository": {"path": "kept"}}})
    assert not validator.is_valid(base | {"backup": {"engine": "pgbackrest", "repository": {"path": "kept"}}})
