"""The options and hooks of the pytest plugin."""
