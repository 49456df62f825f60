"""The system of record for the teams, members, keys and budgets of an LLM gateway."""

__version__ = "0.1.0"
