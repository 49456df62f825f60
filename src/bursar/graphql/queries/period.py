"""A preview of the periods that a duration would make."""

from datetime import datetime
from itertools import islice
from typing import Annotated

import strawberry
from strawberry import UNSET
from strawberry.types import Info

from bursar.domain.durations import is_timezone, parse
from bursar.domain.periods import periods_from
from bursar.graphql.context import Context
from bursar.graphql.errors import BadUserInput
from bursar.graphql.scalars import Duration
from bursar.loaders.clock import clock

DEFAULT_ZONE = "UTC"
DEFAULT_PERIODS = 10
MOST_PERIODS = 100


@strawberry.type(description="A span of time in which a budget may be spent once.")
class Period:
    start: datetime = strawberry.field(description="Its first instant.")
    end: datetime = strawberry.field(
        description="The first instant after it, which begins the next."
    )


@strawberry.field(
    description="The periods of a budget of this duration, by the clock of the database: the one that "
    "runs now, and those that follow it until the year 9999."
)
async def reset_preview(
    info: Info[Context, None],
    duration: Annotated[
        Duration, strawberry.argument(description="The length of a period, such as 1mo.")
    ],
    timezone: Annotated[
        str | None,
        strawberry.argument(description="The IANA time zone of the clock; UTC if none is given."),
    ] = UNSET,
    count: Annotated[
        int | None,
        strawberry.argument(description="How many periods: 1 to 100; 10 if nothing is said."),
    ] = UNSET,
) -> list[Period]:
    zone = DEFAULT_ZONE if timezone is UNSET or timezone is None else timezone
    wanted = DEFAULT_PERIODS if count is UNSET or count is None else count
    if not is_timezone(zone):
        raise BadUserInput("`timezone` must be an IANA time zone, like Europe/Rome.")
    if not 1 <= wanted <= MOST_PERIODS:
        raise BadUserInput(f"`count` must be 1 to {MOST_PERIODS}.")
    now = await info.context.load(clock, "now")
    coming = islice(periods_from(parse(duration), zone, now), wanted)
    return [
        Period(start=start, end=end)
        for start, end in coming
        if start is not None and end is not None
    ]


FIELDS = [reset_preview]
