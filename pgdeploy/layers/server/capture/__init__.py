"""The server's part of a spec, written from what the server is: one file for each section."""
