"""`python -m pgdeploy` is `pgdeploy`."""

from pgdeploy.cli import main

main()
