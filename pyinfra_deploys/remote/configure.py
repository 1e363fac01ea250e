"""Put the server's files in place without ever leaving it worse: a bad file never replaces a good one.

In this order: the settings are tried by `postgres -C` on files of their own; the old files are kept in a journal;
the new ones are put in place whole; the running server reads them (pg_file_settings, pg_hba_file_rules,
pg_ident_file_mappings) before it is asked to load them; then reload, or restart when a setting waits for one.
Whatever refuses brings the old files back. A journal that a killed run left is put back first.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from typing import Any

from pgdeploy.local.nofollow import read_file
from pyinfra_deploys.remote.unsaid import without_secrets
from pyinfra_deploys.remote.whole import (
    desired_state,
    entry_of,
    numbers_of,
    remove_file,
    state_of,
    write_whole,
)

JOURNAL = "/var/lib/pgdeploy/configuration"


def main(question: dict[str, Any]) -> dict[str, Any]:
    if question["make"]:
        return _make(question)
    return {"differs": _differs(question)}


# -- what differs --------------------------------------------------------------------------------------


def _differs(question: dict[str, Any]) -> list[str]:
    found = ["a killed run's journal"] if os.path.exists(JOURNAL + "/complete") else []
    found += [file["path"] for file in question["files"] if state_of(file["path"]) != desired_state(file)]
    unit = _unit(question["unit"])
    if unit["UnitFileState"] != "enabled":
        found.append(question["unit"] + " is " + (unit["UnitFileState"] or "not enabled"))
    if unit["ActiveState"] != "active":
        found.append(question["unit"] + " is " + unit["ActiveState"])
        return found
    found += [name + " is overridden" for name in _overridden(question)]
    waits = _waits(question)
    return found + (["waits for a " + waits] if waits else [])


def _unit(unit: str) -> dict[str, str]:
    words = ["systemctl", "show", unit, "-p", "ActiveState,UnitFileState,NeedDaemonReload,MainPID"]
    return dict(line.split("=", 1) for line in _run(words).splitlines())


def _waits(question: dict[str, Any]) -> str:
    """Whether the running server has yet to take what its files say: by reload, or by restart."""
    loaded = _sql(
        question,
        "SELECT extract(epoch FROM pg_conf_load_time()), (SELECT count(*) FROM pg_settings WHERE pending_restart)",
    )
    if loaded is None:
        return ""
    when, pending = loaded[0]
    if pending != "0" or _limited_otherwise(question):
        return "restart"
    paths = [file["path"] for file in question["files"]] + question["watched"] + _read_files(question)
    entries = [known for known in map(entry_of, paths) if known is not None]
    # a file that was put in place with an older time, or whose mode was mended, is known to be loaded after a reload
    newest = max(max(known.st_mtime, known.st_ctime) for known in entries)
    return "reload" if newest > float(when) or _left_behind(question) else ""


def _read_files(question: dict[str, Any]) -> list[str]:
    """Every file that the server would read its settings from, ours or not."""
    rows = _sql(question, "SELECT DISTINCT sourcefile FROM pg_file_settings WHERE sourcefile IS NOT NULL")
    return [row[0] for row in rows or []]


def _left_behind(question: dict[str, Any]) -> bool:
    """Whether the server still has what a line said that is gone: no file is newer for that.

    Only of settings that a reload changes, and that nothing but files decides.
    """
    rows = _sql(
        question,
        """SELECT 1 FROM pg_settings s LEFT JOIN (
               SELECT DISTINCT ON (lower(name)) lower(name) AS name, sourcefile FROM pg_file_settings
               WHERE error IS NULL AND name IS NOT NULL ORDER BY lower(name), seqno DESC
           ) f ON f.name = lower(s.name)
           WHERE s.context IN ('sighup', 'superuser', 'user', 'backend', 'superuser-backend')
           AND s.source IN ('configuration file', 'default') AND s.sourcefile IS DISTINCT FROM f.sourcefile
           LIMIT 1""",
    )
    return bool(rows)


def _overridden(question: dict[str, Any]) -> list[str]:
    """Settings of ours that postgresql.auto.conf, which beats our file, has with another value."""
    rows = _sql(
        question,
        """SELECT DISTINCT a.name FROM pg_file_settings a JOIN pg_file_settings ours USING (name)
           WHERE a.sourcefile LIKE '%%/postgresql.auto.conf' AND ours.sourcefile = '%s'
           AND a.setting IS DISTINCT FROM ours.setting ORDER BY 1"""
        % question["files"][0]["path"].replace("'", "''"),
    )
    return [row[0] for row in rows or [] if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)*", row[0])]


def _limited_otherwise(question: dict[str, Any]) -> bool:
    """Whether the running server has other limits than its unit gives it now: it was started before.

    A container gives no more than it has itself, and a restart would not help.
    """
    if not question["limits"] or subprocess.run(["systemd-detect-virt", "-cq"], check=False).returncode == 0:
        return False
    process, wanted = "/proc/" + _unit(question["unit"])["MainPID"], question["limits"]
    if wanted.get("open_files") is not None:
        with open(process + "/limits", encoding="ascii") as file:
            found = [line.split() for line in file if line.startswith("Max open files")]
        if found[0][3] != str(wanted["open_files"]):
            return True
    if wanted.get("oom_score") is not None:
        with open(process + "/oom_score_adj", encoding="ascii") as file:
            return file.read().strip() != str(wanted["oom_score"])
    return False


# -- making it so --------------------------------------------------------------------------------------


def _make(question: dict[str, Any]) -> dict[str, Any]:
    restored = _put_back() if os.path.exists(JOURNAL + "/complete") else []
    _prepare_unit(question)
    _keep(question)
    _try_beside_ours(question)
    for file in question["files"]:
        write_whole(file)
    _let_the_second_pass()
    running = _unit(question["unit"])["ActiveState"] == "active"
    did = _load(question) if running else _start(question)
    shutil.rmtree(JOURNAL, ignore_errors=True)
    return {"restored": restored, "did": did}


def _let_the_second_pass() -> None:
    """PostgreSQL tells times of files in whole seconds: so the gate sees that these were there before it read them."""
    time.sleep(1.02 - time.time() % 1)


def _prepare_unit(question: dict[str, Any]) -> None:
    if _unit(question["unit"])["NeedDaemonReload"] == "yes":
        _run(["systemctl", "daemon-reload"])
    if _unit(question["unit"])["UnitFileState"] == "masked":
        _run(["systemctl", "unmask", question["unit"]])
    _run(["systemctl", "enable", "-q", question["unit"]])


def _try_beside_ours(question: dict[str, Any]) -> None:
    """The settings are tried; where they are refused all is as it was.

    What postgresql.conf includes is read for that as the server reads it. A file of ours that the server may not read
    would refuse everything, so the new one takes its place first: the old one could not be loaded anyway.
    """
    shut = [file for file in question["files"] if _given_otherwise(file)]
    for file in shut:
        write_whole(file)
    try:
        _try_settings(question)
    except SystemExit:
        if shut:
            _put_back()
        shutil.rmtree(JOURNAL, ignore_errors=True)
        raise


def _given_otherwise(file: dict[str, str]) -> bool:
    """Whether a file is there with another owner, group or mode."""
    state = state_of(file["path"])
    return state is not None and state[1:] != desired_state(file)[1:]


def _try_settings(question: dict[str, Any]) -> None:
    """The settings on files of their own: a value out of range is found before the good file is gone."""
    with tempfile.TemporaryDirectory(prefix="pgdeploy-") as folder:
        # for the server alone: its settings may hold a password
        os.chown(folder, 0, numbers_of("root", "postgres")[1])
        os.chmod(folder, 0o750)
        for name, text in (
            ("postgresql.conf", "include '%s'\ninclude '%s/new.conf'\n" % (question["config"], folder)),
            ("new.conf", question["files"][0]["text"]),
        ):
            with open(folder + "/" + name, "w", encoding="utf-8") as file:
                file.write(text)
        words = [question["postgres"], "-C", "port", "-c", "config_file=" + folder + "/postgresql.conf"]
        done = subprocess.run(
            ["runuser", "-u", "postgres", "--", *words], capture_output=True, text=True, check=False
        )
        if done.returncode:
            said = done.stderr.strip().replace(folder + "/new.conf", question["files"][0]["path"])
            raise SystemExit(
                "PostgreSQL refuses the settings, nothing is changed: "
                + _shown(question, said.splitlines()[:3])
            )


def _keep(question: dict[str, Any]) -> None:
    """The journal: what the files are now; it counts only once it is complete."""
    shutil.rmtree(JOURNAL, ignore_errors=True)
    os.makedirs(JOURNAL, mode=0o700)
    kept = [{"path": file["path"], "was": state_of(file["path"])} for file in question["files"]]
    with open(JOURNAL + "/files", "w", encoding="utf-8", opener=_private) as file:
        json.dump(kept, file)
        file.flush()
        os.fsync(file.fileno())
    with open(JOURNAL + "/complete", "w", encoding="ascii"):
        pass


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _put_back() -> list[str]:
    """The files as the journal has them; gives their paths."""
    with open(JOURNAL + "/files", encoding="utf-8") as file:
        kept = json.load(file)
    for item in kept:
        if item["was"] is None:
            remove_file(item["path"])
            continue
        text, owner, group, mode = item["was"]
        write_whole(
            {"path": item["path"], "text": text, "owner": owner, "group": group, "mode": oct(mode)[2:]}
        )
    shutil.rmtree(JOURNAL)
    _let_the_second_pass()
    return [item["path"] for item in kept]


def _load(question: dict[str, Any]) -> str:
    wrong = _refused(question)
    if wrong:
        _put_back()
        raise SystemExit("PostgreSQL refuses the new files, so the old ones stay: " + _shown(question, wrong))
    before = _sql(question, "SELECT pg_conf_load_time()")
    if before is None:
        # nobody lets us in to ask: the new rules may be what lets us in
        _run(["systemctl", "reload", question["unit"]])
        return "reloaded"
    for name in _overridden(question):
        _sql(question, "ALTER SYSTEM RESET " + name)
    _sql(question, "SELECT pg_reload_conf()")
    _until(lambda: _sql(question, "SELECT pg_conf_load_time()") != before, 10)
    asked = _ask(question, "SELECT 1")
    if asked.returncode:
        # a library for every session that is not there, or rules without our way in
        _put_back()
        _run(["systemctl", "reload", question["unit"]])
        said = " ".join(asked.stderr.split())
        raise SystemExit(
            "PostgreSQL lets us in no more with the new files (%s); the old ones are back" % said
        )
    pending = _sql(question, "SELECT count(*) FROM pg_settings WHERE pending_restart") != [["0"]]
    if not pending and not _limited_otherwise(question):
        return "reloaded"
    return _restart(question)


def _refused(question: dict[str, Any]) -> list[str]:
    """What the running server says of the files in place; a value that waits for a restart is no error.

    Nor is a line that went away and would take one: that has no place in a file.
    """
    rows = _sql(
        question,
        """SELECT f.sourcefile || ':' || f.sourceline || ': ' || coalesce(f.name || ': ', '') || f.error
           FROM pg_file_settings f LEFT JOIN pg_settings s USING (name)
           WHERE f.error IS NOT NULL AND f.sourcefile IS NOT NULL AND coalesce(s.context, '') <> 'postmaster'
           UNION ALL
           SELECT 'pg_hba.conf:' || line_number || ': ' || coalesce(error, 'the server cannot read it')
           FROM pg_hba_file_rules WHERE error IS NOT NULL OR type IS NULL
           LIMIT 3""",
    )
    return [row[0] for row in rows or []] + (_refused_maps(question) if question["maps"] else [])


def _refused_maps(question: dict[str, Any]) -> list[str]:
    """The same of pg_ident.conf, where the server can show it: it keeps the old maps as a whole."""
    rows = _sql(
        question,
        """SELECT 'pg_ident.conf:' || line_number || ': ' || coalesce(error, 'the server cannot read it')
           FROM pg_ident_file_mappings WHERE error IS NOT NULL OR map_name IS NULL
           LIMIT 3""",
    )
    return [row[0] for row in rows or []]


def _restart(question: dict[str, Any]) -> str:
    since = time.time()
    if _systemctl("restart", question):
        return "restarted"
    said = _log(question, since)
    _put_back()
    _run(["systemctl", "reset-failed", question["unit"]])
    state = "runs again with them" if _systemctl("start", question) else "does not run with them either"
    raise SystemExit(
        "PostgreSQL did not start with the new files (%s); the old ones are back, and it %s" % (said, state)
    )


def _start(question: dict[str, Any]) -> str:
    since = time.time()
    _run(["systemctl", "reset-failed", question["unit"]])
    if _systemctl("start", question):
        # what beats our file in postgresql.auto.conf was started with, and is seen only now
        return _load(question) if _overridden(question) else "started"
    said = _log(question, since)
    _put_back()
    _run(["systemctl", "reset-failed", question["unit"]])
    state = "runs with them" if _systemctl("start", question) else "does not start with them either"
    raise SystemExit(
        "PostgreSQL does not start with the new files (%s); the old ones are back, and it %s" % (said, state)
    )


def _systemctl(verb: str, question: dict[str, Any]) -> bool:
    subprocess.run(["systemctl", verb, question["unit"]], capture_output=True, check=False)
    return _unit(question["unit"])["ActiveState"] == "active"


def _log(question: dict[str, Any], since: float) -> str:
    """What the server said last: in its own log file, or in the journal."""
    lines = []
    try:
        found = read_file(question["start_log"], 1 << 20, end=True)
        if found is not None and found.known.st_mtime >= since - 1:
            lines = found.data.decode("utf-8", "replace").splitlines()
    except OSError:
        # another user's link; systemd's journal has it too
        pass
    said = [line.split("] ", 1)[-1] for line in lines if "FATAL" in line or "PANIC" in line]
    if not said:
        words = [
            "journalctl",
            "-q",
            "-u",
            question["unit"],
            "--since",
            "@%d" % since,
            "-o",
            "cat",
            "-n",
            "20",
        ]
        said = [line for line in _run(words).splitlines() if "FATAL" in line or "rror" in line]
    return _shown(question, said[-2:]) or "see journalctl -u " + question["unit"]


def _shown(question: dict[str, Any], said: list[str]) -> str:
    """Lines of the server's in one, without the secrets of its files."""
    texts = [file["text"] for file in question.get("files", [])]
    return "; ".join(without_secrets(line, texts) for line in said)


# -- asking --------------------------------------------------------------------------------------------


def _sql(question: dict[str, Any], text: str) -> list[list[str]] | None:
    """Rows of a query, as the OS user postgres; None when the server does not let us in."""
    done = _ask(question, text)
    if done.returncode:
        return None
    return [line.split("\t") for line in done.stdout.splitlines()]


def _ask(question: dict[str, Any], text: str) -> subprocess.CompletedProcess[str]:
    words = ["psql", "-XAtq", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", question["socket_folder"]]
    words += ["-p", str(question["port"]), "-d", "postgres", "-f", "-"]
    # names mean what PostgreSQL means, whatever is preset for the role or the database, or in our environment
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return subprocess.run(
        ["runuser", "-u", "postgres", "--", *words],
        env={**ours, "PGOPTIONS": "-c role=none -c search_path=pg_catalog,pg_temp"},
        input=text,
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )


def _until(true: Callable[[], bool], seconds: int) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise SystemExit("the server did not read its files within %d s" % seconds)
        time.sleep(0.05)


def _run(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(" ".join(words[:2]) + ": " + done.stderr.strip())
    return done.stdout
