"""Reports of usage: events as gateways send them, and what came of them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import asyncpg

from api_client import Answer, Api
from factories import Key

RESULTS = "results { requestId status message }"


def event(request_id: str = "1", *, at: datetime | None = None, **given: Any) -> dict[str, Any]:
    """A call of gpt-4 for $0.5, just made unless it is said when."""
    at = at or datetime.now(UTC) - timedelta(seconds=1)
    said = {"requestId": request_id, "model": "gpt-4", "cost": "0.5", "at": at.isoformat()}
    return {**said, **given}


async def record(api: Api, gateway: Key, *events: dict[str, Any], **given: Any) -> Answer:
    """Report events, which must not be refused as a whole."""
    answer = await api.mutate(gateway, "usageRecord", RESULTS, events=list(events), **given)
    assert answer.refusals == []
    return answer


def statuses(answer: Answer) -> list[str]:
    return [result["status"] for result in answer.payload["results"]]


async def spent(owner: asyncpg.Connection) -> dict[str, Decimal]:
    """What each holder ever spent, which is what its periods come to."""
    total = "SELECT holder_id, sum(spend) FROM {} GROUP BY 1 HAVING sum(spend) > 0"
    ever = dict(await owner.fetch(total.format("lifetime_spends")))
    periods = "(SELECT * FROM spends WHERE model = '') whole"
    assert ever == dict(await owner.fetch(total.format(periods)))
    return ever
