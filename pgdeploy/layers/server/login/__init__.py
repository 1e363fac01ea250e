"""What only a session or a login on the running server shows: how one is opened, how long it may take, what it says."""
