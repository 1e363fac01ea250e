"""The host section: what the machine under the server must be."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pgdeploy.model.host.amount import Span
from pgdeploy.model.host.cluster import ClusterSpec
from pgdeploy.model.host.deployment import DeploymentSpec
from pgdeploy.model.host.exporter import ExporterSpec
from pgdeploy.model.host.firewall import FirewallSpec
from pgdeploy.model.host.kernel import KernelSpec, LimitsSpec
from pgdeploy.model.host.package import PackagesSpec
from pgdeploy.model.host.tls import TlsSpec
from pgdeploy.spec.model import Model
from pgdeploy.spec.text import shaped
from pgdeploy.text.name_pattern import LOCALE


class HostSpec(Model):
    """The host: made so by pyinfra, proved by the gate. What is left out is neither made nor checked."""

    packages: PackagesSpec = Field(default_factory=PackagesSpec, description="PostgreSQL's packages")
    cluster: ClusterSpec = Field(default_factory=ClusterSpec, description="how the cluster is made")
    kernel: KernelSpec | None = Field(None, description="memory, overcommit, huge pages")
    limits: LimitsSpec | None = Field(None, description="what systemd gives the server")
    time_zone: str | None = Field(None, pattern=r"^[A-Za-z0-9_+/-]+$", description="such as Etc/UTC")
    locale: Annotated[str, *shaped(*LOCALE)] | None = Field(
        None, description="generated if need be; the system's"
    )
    time_sync: Literal["chrony", "systemd-timesyncd"] | None = Field(
        None, description="the service that keeps the clock"
    )
    tls: TlsSpec | None = Field(None, description="certificate, key, versions; sets ssl and its settings")
    exporter: ExporterSpec | None = Field(None, description="postgres_exporter")
    firewall: FirewallSpec | None = Field(None, description="who may reach which port")
    listening: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = Field(
        (), description="more TCP ports that may be open, beside ssh, PostgreSQL and the exporter"
    )
    keep_logs: Span | None = Field(None, description="older files in log_directory are removed")
    deployment: DeploymentSpec = Field(
        default_factory=DeploymentSpec, description="what is asked of the deployment record"
    )
