"""The gate as a pytest plugin: every line of a spec is an item that can fail."""
