"""References to secrets, SCRAM verifiers, and masking: a secret never stands in a message, a plan or a log."""
