"""A bare Debian or Ubuntu becomes the server of its spec: `pyinfra inventory.py pyinfra_deploys/pg01.py`."""

from pyinfra_deploys.backup import backup, backup_files
from pyinfra_deploys.cluster import cluster
from pyinfra_deploys.configuration import configuration
from pyinfra_deploys.disk import disks
from pyinfra_deploys.exporter import exporter
from pyinfra_deploys.firewall import firewall
from pyinfra_deploys.package import package_source, packages
from pyinfra_deploys.preflight import preflight
from pyinfra_deploys.record import record
from pyinfra_deploys.sql import sql_state
from pyinfra_deploys.system import system
from pyinfra_deploys.tls import tls

codename = preflight()

if codename is not None:
    package_source(codename)
    packages()
    disks()
    system()
    firewall()
    cluster()
    tls()
    backup_files()
    configuration()
    sql_state()
    backup()
    exporter()
    record()
