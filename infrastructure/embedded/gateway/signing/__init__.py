"""Who calls: credentials, signatures, and the words of a refusal."""
