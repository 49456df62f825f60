"""How often Python looks for cycles of objects in a server, which makes few."""

import gc

_COLLECT_AFTER = 50_000
"""Objects that are made and not freed before it looks."""


def seldom() -> None:
    """Called before the imports, a fifth of whose time would else be looking; nor for every batch."""
    gc.set_threshold(_COLLECT_AFTER)


def never_again() -> None:
    """What is there now, such as the schema, stays: it is not looked at, nor written to by looking."""
    gc.freeze()
