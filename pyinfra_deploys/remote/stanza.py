"""The stanza of the cluster in each repository, with a full backup: a stanza without one keeps WAL for ever."""

from __future__ import annotations

import json
from typing import Any

from pgdeploy.layers.backup.pgbackrest.on_host.common import as_server, control, pgbackrest, why

MISSING = (1, 3)
"""pgBackRest's codes of a repository: no stanza in it."""
OK, NO_BACKUP = 0, 2
PATIENCE = 90
"""Seconds that a store on the network may take to say what it has."""


def main(question: dict[str, Any]) -> dict[str, Any]:
    differs = _differs(question)
    if differs and question["make"]:
        _require_archiving(question)
        for act in ("stanza-create", "stanza-upgrade"):
            if act in differs:
                _do(question, [act])
        _do(question, ["check"])
        for number in _without_backup(question):
            _do(question, ["--repo=%d" % number, "--type=full", "backup"])
        left = _differs(question)
        if left:
            raise SystemExit("pgBackRest did all that, and still: " + ", ".join(left))
    return {"differs": differs}


def _differs(question: dict[str, Any]) -> list[str]:
    """What is to be done, by pgBackRest's own words."""
    known = _repositories(question)
    wrong = [message for code, message in known.values() if code not in (OK, NO_BACKUP, *MISSING)]
    if wrong:
        raise SystemExit("pgBackRest cannot use a repository: " + " ".join("; ".join(wrong).split()))
    older = _is_older(question)
    if any(code in MISSING for code, _ in known.values()):
        return ["stanza-create", "backup"]
    if older:
        return ["stanza-upgrade", "backup"]
    return ["backup"] if _without_backup(question) else []


def _stanza(question: dict[str, Any]) -> dict[str, Any]:
    done = pgbackrest(question["stanza"], ["info", "--output=json"], PATIENCE)
    if done.returncode:
        raise SystemExit("pgBackRest: " + why(done))
    known: dict[str, Any] = next(iter(json.loads(done.stdout, strict=False)), {})
    return known


def _repositories(question: dict[str, Any]) -> dict[int, tuple[int, str]]:
    """Code and message of each."""
    found = {one["key"]: one["status"] for one in _stanza(question).get("repo", ())}
    absent = {"code": MISSING[0], "message": "missing stanza path"}
    numbers = range(1, question["repositories"] + 1)
    shown = {number: found.get(number, absent) for number in numbers}
    return {number: (status["code"], status["message"]) for number, status in shown.items()}


def _is_older(question: dict[str, Any]) -> bool:
    """Whether the stanza is of the cluster before an upgrade. One of another cluster is left alone."""
    known = _stanza(question).get("db", ())
    if not known:
        return False
    newest = max(known, key=lambda one: one["id"])
    system = control(question["binaries"], question["data_directory"]).get("Database system identifier", "")
    if newest["version"] == str(question["major"]):
        if str(newest["system-id"]) == system:
            return False
        raise SystemExit(
            "the repository has stanza %s of another cluster (system identifier %s, and this one has %s): restore that "
            "one here, or write another name into backup: stanza:"
            % (question["stanza"], newest["system-id"], system)
        )
    if float(newest["version"]) > question["major"]:
        raise SystemExit(
            "the repository has stanza %s of PostgreSQL %s, which is newer than %d; write another name into backup: "
            "stanza:" % (question["stanza"], newest["version"], question["major"])
        )
    return True


def _without_backup(question: dict[str, Any]) -> list[int]:
    """Repositories that have no full backup of the newest cluster of the stanza."""
    known = _stanza(question)
    newest = max((one["id"] for one in known.get("db", ())), default=0)
    full = {
        one["database"]["repo-key"]
        for one in known.get("backup", ())
        if one["type"] == "full" and one["database"]["id"] == newest
    }
    return [number for number in range(1, question["repositories"] + 1) if number not in full]


def _require_archiving(question: dict[str, Any]) -> None:
    words = ["psql", "-XAtqw", "-h", question["socket_folder"], "-p", str(question["port"]), "-d", "postgres"]
    done = as_server([*words, "-c", "SHOW archive_mode"], PGOPTIONS="-c role=none -c search_path=pg_catalog")
    if done.returncode:
        raise SystemExit("the server lets us not in to ask for archive_mode: " + why(done))
    if done.stdout.strip() == "off":
        raise SystemExit("archive_mode is off in the running server; restart it, and run this again")


def _do(question: dict[str, Any], words: list[str]) -> None:
    done = pgbackrest(question["stanza"], words)
    if done.returncode:
        raise SystemExit("pgBackRest %s: %s" % (words[-1], why(done)))
