"""The schema of conf/ and the rules of its groups."""
