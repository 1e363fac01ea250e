"""The section `host:`: what a spec says of the machine under the server."""
