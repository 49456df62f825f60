"""Realistic data, the same for the same numbers: made up, and loaded beside what is there."""
