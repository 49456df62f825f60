"""The root fields that change something, one file an entity."""
