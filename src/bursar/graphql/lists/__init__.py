"""What lists can be filtered and sorted by, one file an entity."""
