"""A study before its data: its power, its registration, and what departed from it."""
