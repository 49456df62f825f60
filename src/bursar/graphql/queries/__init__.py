"""The root fields that read, one file an entity."""
