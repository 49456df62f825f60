"""Everything below SQL: the tables, the way to PostgreSQL, and the one that is embedded."""
