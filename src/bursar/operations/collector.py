"""How often Python looks for cycles of objects in a server, which makes few."""

import gc

_COLLECT_AFTER = 50_000
"""Objects that are made and not freed before it looks; a batch has fewer."""


def off() -> None:
    """Until `on`: a start makes 300,000 objects that stay, and a third of its time would be looking."""
    gc.disable()


def on() -> None:
    """From now on, but what is there already, such as the schema, is not looked at any more."""
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER)
    gc.enable()
