"""The object types, one file an entity; their fields are columns, and edges declared as data."""
