"""Metered calls by id, and their list, newest first."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import ARRAY, DateTime, Text, bindparam, func, select, true

from bursar.access.actor import Sight
from bursar.access.visible_usage import visible_usage_events
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import usage_events
from bursar.domain.ids import moment_of
from bursar.loaders.filters import among, between, equal, overlapping, whether
from bursar.loaders.pages import Listing
from bursar.loaders.reader import Reader

_TICK = timedelta(milliseconds=1)  # as finely as an id tells its time

usage_events_list = Listing(
    usage_events.c.id,
    visible_usage_events,
    orders={"at": usage_events.c.at},
    default=(("at", True),),
    filters={
        **equal("organization_id", usage_events.c.organization_id),
        **equal("team_id", usage_events.c.team_id),
        **equal("user_id", usage_events.c.user_id),
        **equal("api_key_id", usage_events.c.api_key_id),
        **among("models", usage_events.c.model),
        **overlapping("tags", usage_events.c.tags),
        **whether("success", usage_events.c.success),
        **between(usage_events.c.at, "since", "before"),
    },
)


async def usage_events_by_id(reader: Reader, ids: Sequence[str], /) -> Mapping[str, Row]:
    """Each looked for at the time that its id tells, so that one partition is read for it."""
    moments: dict[str, datetime] = {}
    for id_ in ids:
        if (moment := moment_of(id_)) is not None:
            moments[id_] = moment
    rows = await reader.all(
        _by_id(reader.actor.sight),
        ids=list(moments),
        since=list(moments.values()),
        before=[moment + _TICK for moment in moments.values()],
    )
    return {row["id"]: row for row in rows}


@cache
def _by_id(sight: Sight) -> Statement:
    times = ARRAY(DateTime(timezone=True))
    asked = (
        func.unnest(
            bindparam("ids", type_=ARRAY(Text)),
            bindparam("since", type_=times),
            bindparam("before", type_=times),
        )
        .table_valued("id", "since", "before")
        .render_derived(name="asked")
    )
    found = (
        select(usage_events)
        .where(
            usage_events.c.id == asked.c.id,
            usage_events.c.at >= asked.c.since,
            usage_events.c.at < asked.c.before,
            visible_usage_events(sight),
        )
        .lateral("found")
    )
    return Statement(select(found).select_from(asked.join(found, true())))
