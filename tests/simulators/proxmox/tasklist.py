"""What the API tells of tasks, and stopping one."""

from __future__ import annotations

from tests.simulators.proxmox.call import Call, Listed, handles
from tests.simulators.proxmox.formats import split_list
from tests.simulators.proxmox.refusal import BadParameters
from tests.simulators.proxmox.task import Task

TASK = "/nodes/{node}/tasks/{upid}"


@handles("GET", "/cluster/tasks")
def recent(call: Call) -> object:
    """A token never sees its own here: its tasks are listed for its user."""
    audit = call.may("/", "Sys.Audit")
    tasks = reversed(call.cluster.tasks.all)
    return [_archived(task) for task in tasks if audit or task.facts()["user"] == call.who][:25]


def _archived(task: Task) -> dict[str, object]:
    found = task.facts()
    return found if task.running else {**found, "endtime": task.endtime, "status": task.exitstatus}


@handles("GET", "/nodes/{node}/tasks")
def listing(call: Call) -> object:
    source = call.get("source") or "archive"
    tasks = [task for task in reversed(call.cluster.tasks.all) if task.node == call.node]
    active = [task for task in tasks if task.running] if source in ("active", "all") else []
    archived = [task for task in tasks if not task.running] if source != "active" else []
    found = [task for task in [*active, *archived] if _wanted(call, task)]
    begin, most = int(call.get("start") or 0), int(call.get("limit") or 50)
    rows = [_archived(task) | ({"status": "RUNNING"} if task.running else {}) for task in found]
    return Listed(rows[begin : begin + most], len(rows))


def _wanted(call: Call, task: Task) -> bool:
    if not (call.may(f"/nodes/{call.node}", "Sys.Audit") or task.belongs_to(call.who)):
        return False
    if (call.get("userfilter") or "").lower() not in str(task.facts()["user"]).lower():
        return False
    if call.get("typefilter") not in (None, task.type) or call.get("vmid") not in (None, task.id):
        return False
    since, until = call.get("since"), call.get("until")
    if (since and task.starttime < int(since)) or (until and task.starttime > int(until)):
        return False
    return _kind(task) in _kinds(call)


def _kinds(call: Call) -> set[str]:
    if call.flag("errors"):
        return {"warning", "error", "unknown"}
    given = call.get("statusfilter")
    every = {"ok", "warning", "error", "unknown"}
    return every if given is None else {kind.lower() for kind in split_list(given)}


def _kind(task: Task) -> str:
    if task.exitstatus is None:
        return "unknown"
    if task.exitstatus == "OK":
        return "ok"
    return "warning" if task.exitstatus.startswith("WARNINGS") else "error"


def _task(call: Call, privilege: str) -> Task:
    upid = call.parameters["upid"]
    if not upid.startswith("UPID:") or upid.count(":") != 8:
        raise BadParameters({"upid": "unable to parse worker upid"})
    task = call.cluster.tasks.get(upid)
    if task is None or task.node != call.node:
        raise BadParameters({"upid": "no such task"})
    if not task.belongs_to(call.who):
        call.demand(f"/nodes/{call.node}", privilege)
    return task


@handles("GET", f"{TASK}/status")
def status(call: Call) -> object:
    task = _task(call, "Sys.Audit")
    if task.running:
        return {**task.facts(), "status": "running"}
    return {**task.facts(), "status": "stopped", "exitstatus": task.exitstatus}


@handles("GET", f"{TASK}/log")
def log(call: Call) -> object:
    lines = list(_task(call, "Sys.Audit").lines)
    begin, most = int(call.get("start") or 0), int(call.get("limit") or 50)
    numbered: list[dict[str, object]] = [{"n": n, "t": text} for n, text in enumerate(lines, 1)]
    part = numbered[begin : begin + most] if most else numbered[begin:]
    return Listed(part or ([] if lines else [{"n": 1, "t": "no content"}]), len(lines))


@handles("DELETE", TASK)
def stop(call: Call) -> None:
    _task(call, "Sys.Modify").killed = True


@handles("GET", TASK)
def index(call: Call) -> object:
    return [{"name": "log"}, {"name": "status"}]
