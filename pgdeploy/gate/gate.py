"""The gate of one target: its checks, asked of its server. pytest and `pgdeploy check` both run this.

Everything online is lazy: what is listed is known from the spec alone, the server is reached when
the first check is asked, and read once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pgdeploy.core.check import NO_TOOLS, Finding, Verdict, evaluate
from pgdeploy.core.facts import NOBODY, Facts
from pgdeploy.core.remedy import NOTHING, By, Remedy
from pgdeploy.errors import PgdeployError, PlanError, TargetError, Unreadable
from pgdeploy.gate.confine import confine
from pgdeploy.gate.connect import connect, ssh_way
from pgdeploy.gate.target import Target
from pgdeploy.gate.waiver import check_waivers, weigh
from pgdeploy.layers import LAYERS, SERVER, layer_of
from pgdeploy.local.signals import finishing
from pgdeploy.reach.server import BUDGET

if TYPE_CHECKING:
    from pgdeploy.core.check import Check
    from pgdeploy.core.layer import Declared, Layer
    from pgdeploy.layers.server.plan import Plan
    from pgdeploy.reach.login import SshWay
    from pgdeploy.reach.server import Server


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """Where the spec is realised (`live`, `embedded`, `container`) and what overrides how to get there.

    `new_cluster`: `data_dir` may be a folder without a cluster, and then gets one. `bin_dir` has the programs of an
    embedded server. `budget` is how many seconds one read or probe may take.
    """

    on: str = "live"
    dsn: str | None = None
    ssh_config: Path | None = None
    data_dir: Path | None = None
    budget: float = BUDGET
    new_cluster: bool = False
    bin_dir: Path | None = None


class Gate:
    """The checks of one target and the one server that they are asked of. Close it when done.

    `server` is one that is reached already; without it the target says how.

    Raises:
        SpecError: with `--no-commands`, the spec would run a command here or read files beyond its folder.
    """

    def __init__(
        self,
        target: Target,
        way: ConnectionOptions,
        *,
        probes: bool = True,
        note: Callable[[str], None] = lambda _: None,
        server: Server | None = None,
    ) -> None:
        confine(target, way.on, way_given=way.dsn is not None or way.ssh_config is not None)
        self.target = target
        self.way = way
        self.checks: tuple[Check, ...] = target.checks + (target.probes if probes else ())
        self.note = note
        self._waivers = check_waivers(target.spec)
        self._today = date.today()  # noqa: DTZ011
        self._server = server
        self._facts: Facts | None = None
        self._server_alone = False
        self._tried: dict[str, Facts] = {}

    @property
    def server(self) -> Server:
        """The server, reached or started when first asked for.

        Raises:
            TargetError, MissingExtra: it cannot be.
        """
        if self._server is None:
            way = self.way
            self._server = connect(
                self.target,
                way.on,
                dsn=way.dsn,
                ssh_config=way.ssh_config,
                data_dir=way.data_dir,
                bin_dir=way.bin_dir,
                new_cluster=way.new_cluster,
                note=self.note,
            )
            self._server.budget = way.budget
        return self._server

    @property
    def facts(self) -> Facts:
        """The facts, read once: after a plan those that it needs, else all.

        A throw-away embedded server is brought to the spec first: that is its point.
        """
        if self._facts is None:
            self.prepare()
            return self.read()
        return self._facts

    def ask_only(self, checks: Iterable[Check]) -> None:
        """What will be asked, said before anything is read: without checks of other layers the server is read alone."""
        self._server_alone = all(map(_is_of_the_server, checks))

    def ask_layer(self, *names: str) -> None:
        """Leave the checks of all other layers out."""
        self.checks = tuple(check for check in self.checks if check.resource.layer in names)
        self.ask_only(self.checks)

    def ask_databases(self, names: Collection[str]) -> None:
        """Leave all checks out but those of the server that are about these databases."""
        self.ask_layer(SERVER.name)
        self.checks = tuple(
            check for check in self.checks if getattr(check.resource, "database", None) in names
        )

    def read(self) -> Facts:
        """The facts as they are now; what is asked afterwards is asked of these."""
        self._facts = self.target.read(self.server, [SERVER] if self._server_alone else LAYERS)
        return self._facts

    @property
    def whole_facts(self) -> Facts:
        """The facts with those of all layers that the spec speaks of."""
        from pgdeploy.gate.reading import read_rest

        self._facts = read_rest(self.facts, self.target.declared, self.server)
        return self._facts

    def plan(self, *, anew: bool = True) -> Plan:
        """What would bring the server to the spec, from facts read now, or those there are; no other layer is asked.

        Raises:
            TargetError: the server cannot be reached.
        """
        from pgdeploy.layers.server.plan import plan

        if anew or self._facts is None:
            self._facts = self.target.read(self.server, [SERVER])
        if self._facts.lost:
            raise TargetError(self._facts.lost)
        return plan(self.target.spec, self.target.resources, self._facts)

    def apply(
        self, planned: Plan, lock_timeout: str | None = None, approve: Callable[[Plan], bool] = lambda _: True
    ) -> Plan:
        """Make a plan, then what could only be planned when its extensions were there. Gives all that was made.

        Raises:
            ApplyError, TargetError: as `apply.apply`.
        """
        from pgdeploy.layers.server.apply import LOCK_TIMEOUT, apply

        timeout = lock_timeout or LOCK_TIMEOUT
        apply(planned, self.server, lock_timeout=timeout)
        if not planned.then:
            return planned
        rest = self.plan().rest(planned.then)
        if not rest.changes or not approve(rest):
            return planned
        apply(rest, self.server, lock_timeout=timeout)
        return replace(
            planned,
            changes=planned.changes + rest.changes,
            waves=planned.waves + rest.waves,
            drifts={**planned.drifts, **rest.drifts},
        )

    @property
    def _is_thrown_away(self) -> bool:
        from pgdeploy.reach.embedded import Embedded

        return isinstance(self.server, Embedded) and not self.server.kept

    def prepare(self, upper: Layer | None = None) -> None:
        """A server to throw away gets the SQL state and all that is made in it, up to this layer, which is left out."""
        if not self._is_thrown_away:
            return
        self._make_sql_state()
        for layer in LAYERS:
            if layer is upper:
                return
            if layer.in_server and layer.declared_in(self.target.spec):
                # nothing is lost with what is to be thrown away
                layer.apply(layer.plan(self), self, downtime=False)
                self._make_sql_state()  # it may have made what is granted on

    def _make_sql_state(self) -> None:
        planned = self.plan()
        if planned.unreadable:
            first = planned.unreadable[0]
            raise PlanError(
                f"{self.target.name} cannot be made on an embedded server: {first.check.id}: {first.reason}"
            )
        self.apply(planned)

    def evaluate(self, check: Check, tools: Mapping[str, object] = NO_TOOLS) -> Finding:
        """What a check finds, with the tools that it names, and what the spec's waivers make of it."""
        if check.resource.trial:
            facts = self._facts_of_trials(layer_of(check.resource.layer))
        else:
            facts = self.facts if _is_of_the_server(check) else self.whole_facts
        return weigh(evaluate(check, facts, tools=tools), self._waivers, self._today)

    def _facts_of_trials(self, layer: Layer) -> Facts:
        """What was seen on a server that is made for it and thrown away, once."""
        if layer.name not in self._tried:
            way = ConnectionOptions(on="embedded", budget=self.way.budget, bin_dir=self.way.bin_dir)
            with closing(Gate(self.target, way, probes=False, note=self.note)) as there:
                try:
                    there.prepare(layer)
                    seen = layer.try_out(there)
                except PgdeployError as error:
                    seen = Unreadable(str(error))
            self._tried[layer.name] = Facts(NOBODY, None, {}, {}, sections={layer.name: seen})
        return self._tried[layer.name]

    def ask(self) -> list[Finding]:
        """All checks asked: what `check`, `up` and `apply` prove."""
        return [self.evaluate(check) for check in self.checks]

    def remedy(self, finding: Finding) -> Remedy:
        """What removes a drift, and who does it."""
        if Verdict.DRIFTS not in (finding.verdict, finding.unwaived):
            return NOTHING
        ours = layer_of(finding.check.resource.layer).remedy
        return finding.remedy or Remedy(ours(finding, self), By.PGDEPLOY)

    @property
    def declared(self) -> Declared:
        """What the layers of its target are asked with."""
        return self.target.declared

    @property
    def ssh(self) -> SshWay | None:
        """How ssh reaches the host; None when nothing says so."""
        return ssh_way(self.target, self.way.ssh_config)

    def close(self) -> None:
        with finishing():
            if self._server is not None:
                self._server.close()
                self._server = None


def _is_of_the_server(check: Check) -> bool:
    """Whether the server's own facts are all that it compares."""
    return check.resource.layer == SERVER.name and not check.resource.reads
