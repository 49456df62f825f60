"""Templates: arguments made once for a document, with holes where each request has its variables.

So a request neither coerces the literals of its document again, nor converts what it made of them.
"""

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

from strawberry import Some
from strawberry.types.base import has_object_definition

Fill = Callable[[Mapping[str, Any]], Any]


class Hole(NamedTuple):
    """What is in place of a variable's value."""

    variable: str


def fill_of(made: Mapping[str, Any], holes: int) -> Fill | None:
    """What makes arguments like these of the variables' values. Parts without a hole are the same.

    None where fewer holes are found, as something has read what was in one.
    """
    met: list[str] = []
    fills = {name: _fill(part, met) for name, part in made.items()}
    if len(met) < holes:
        return None
    return lambda values: {name: fill(values) for name, fill in fills.items()}


def _fill(made: Any, met: list[str]) -> Fill:
    """The same for a part; `met` gets the variables whose holes are in it."""
    before, fill = len(met), _part(made, met)
    return (lambda _: made) if len(met) == before else fill


def _part(made: Any, met: list[str]) -> Fill:
    match made:
        case Hole():
            met.append(made.variable)
            return itemgetter(made.variable)
        case Some():
            inner = _fill(made.value, met)
            return lambda values: Some(inner(values))
        case list():
            items = [_fill(item, met) for item in made]
            return lambda values: [item(values) for item in items]
        case _ if has_object_definition(made):
            return _object(made, met)
        case _:
            return lambda _: made


def _object(made: Any, met: list[str]) -> Fill:
    kind, same, others = type(made), {}, []
    for name, part in vars(made).items():
        before = len(met)
        fill = _fill(part, met)
        if len(met) == before:
            same[name] = part
        else:
            others.append((name, fill))
    return lambda values: kind(**same, **{name: fill(values) for name, fill in others})
