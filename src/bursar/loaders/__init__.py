"""Every batched look-up: rows by key and pages by parent, one statement whatever the number of keys."""
