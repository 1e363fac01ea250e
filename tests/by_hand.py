"""What a test does to a server by hand, and what a plan makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pgdeploy.core.check import Finding, evaluate
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server
from pgdeploy.reach.side_by_side import closing


def run(server: Cluster, *texts: str, database: str | None = None) -> None:
    """SQL in a session as any client has it, statement by statement."""
    with closing(server.open(database, configured=False)) as connection:
        for text in texts:
            connection.execute(text.encode())


def load(server: Cluster, file: Path, text: str) -> Target:
    """A spec whose `$major` is the server's version."""
    with closing(server.open()) as connection:
        major = connection.info.server_version // 10000
    file.write_text(text.replace("$major", str(major)))
    return load_target(file)


def planned(target: Target, server: Server) -> Plan:
    return plan(target.spec, target.resources, target.read(server))


def texts(made: Plan) -> list[str]:
    return [statement.text for change in made.changes for statement in change.statements]


@dataclass(frozen=True)
class Site:
    """A database of a server, and specs of it that differ in their last lines only."""

    cluster: Cluster
    file: Path
    database: str
    spec: str
    usual: str
    """The last lines where a test gives none."""

    def run(self, *texts: str, at: str | None = None) -> None:
        run(self.cluster, *texts, database=at or self.database)

    def load(self, lines: str | None = None) -> Target:
        return load(self.cluster, self.file, self.spec + (self.usual if lines is None else lines))

    def plan(self, lines: str | None = None) -> Plan:
        return planned(self.load(lines), self.cluster)

    def apply(self, lines: str | None = None) -> Plan:
        """Applies, and returns what the plan was; nothing is left to do then."""
        made = self.plan(lines)
        apply(made, self.cluster)
        assert self.plan(lines).changes == ()
        return made

    def finding(self, check_id: str, lines: str | None = None) -> Finding:
        target = self.load(lines)
        facts = target.read(self.cluster)
        return next(evaluate(check, facts) for check in target.checks if check.id == check_id)
