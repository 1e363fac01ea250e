"""The operating system as a database host wants it: kernel, time, locale, limits."""

from __future__ import annotations

from collections.abc import Iterator

from pyinfra.api import StringCommand, deploy, operation
from pyinfra.operations import apt

from pgdeploy.layers.host.file import limits_file, settings_file, sysctl_file, tmpfiles_file
from pyinfra_deploys.package import wait
from pyinfra_deploys.this import ensure, layout, target
from pyinfra_deploys.write import put

HUGE_PAGES_FILE = "/etc/sysctl.d/61-pgdeploy-huge-pages.conf"


@deploy("Kernel and operating system")
def system() -> None:
    """Settings of the kernel, time zone, locale, the service that keeps the clock, limits of the server's unit."""
    spec, host = target().spec, layout().host
    if (file := sysctl_file(spec)) is not None:
        put(file, "Kernel settings")
    if (file := tmpfiles_file(spec)) is not None:
        put(file, "What systemd-tmpfiles does at boot and daily")
    if host.kernel is not None:
        kernel(name="The kernel takes its settings")
    if host.time_zone is not None:
        time_zone(host.time_zone, name=f"Time zone {host.time_zone}")
    if host.locale is not None:
        locale(host.locale)
    if host.time_sync is not None:
        clock(f"{host.time_sync}.service", name=f"The clock is kept by {host.time_sync}")
    if (file := limits_file(spec)) is not None:
        put(file, "Limits of the server's unit")


@deploy("Locale")
def locale(wanted: str) -> None:
    """The locale is there, and is the system's; the cluster's own is initdb's."""
    apt.packages(
        name="The locales package", packages=["locales"], no_recommends=True, extra_install_args=wait()
    )
    system_locale(wanted, name=f"The system speaks {wanted}")


@operation()
def kernel() -> Iterator[StringCommand]:
    """Make the running kernel as its files say. A container has its host's kernel, and is left alone."""
    wanted = layout().host.kernel
    if wanted is None:
        return
    question = {
        "sysctl": {name: str(value) for name, value in wanted.sysctl.items()},
        "transparent_huge_pages": wanted.transparent_huge_pages,
    }
    yield from ensure("kernel", question)


@operation()
def huge_pages() -> Iterator[StringCommand]:
    """As many huge pages as the server's shared memory takes, by the server's own count."""
    here = layout()
    wanted = here.host.kernel.huge_pages if here.host.kernel else False
    if wanted is False:
        return
    question = {
        "pages": None if wanted is True else wanted,
        "postgres": f"{here.binaries}/postgres",
        "config": f"{here.config_folder}/postgresql.conf",
        "settings": settings_file(target().spec).text,
        "data_directory": here.data_directory,
        "shared_buffers": here.shared_buffers,
        "file": HUGE_PAGES_FILE,
    }
    yield from ensure("huge_pages", question)


@operation()
def time_zone(zone: str) -> Iterator[StringCommand]:
    """/etc/localtime; the server's own `timezone` is a setting of the spec."""
    yield from ensure("time_zone", {"zone": zone})


@operation()
def system_locale(wanted: str) -> Iterator[StringCommand]:
    """The locale is generated where libc does not bring it, and is LANG of the system."""
    yield from ensure("system_locale", {"locale": wanted})


@operation()
def clock(unit: str) -> Iterator[StringCommand]:
    """The service that keeps the clock runs, unless systemd says that this machine's clock is not its own."""
    yield from ensure("clock", {"unit": unit})
