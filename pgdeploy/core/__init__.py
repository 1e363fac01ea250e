"""What every layer shares: a check and what it finds, the facts it is asked of, and the change that removes a drift."""
