"""An organization full of marks: whatever of it can be told, in words or in numbers, is one of them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from bursar.database.tables import (
    gateway_settings,
    idempotency_records,
    spend_adjustments,
    usage_closings,
    usage_requests,
)
from bursar.domain.instants import FIRST
from bursar.domain.roles import OrganizationRole, TeamRole
from factories import Factory, Person

CANARY = "canary"
CANARY_NUMBER = 31_415_926_535
SMALL_NUMBER = 271_828  # where a column takes no larger one
CANARY_MONEY = Decimal(f"{CANARY_NUMBER}.5")
LIMITS = {
    "max_budget": CANARY_MONEY,
    "soft_budget": Decimal(CANARY_NUMBER),
    "tpm_limit": CANARY_NUMBER,
    "rpm_limit": CANARY_NUMBER,
    "max_parallel_requests": CANARY_NUMBER,
}
OF_MODELS = {name: LIMITS[name] for name in ("max_budget", "tpm_limit", "rpm_limit")}
NAMED: dict[str, Any] = {"name": CANARY, "external_id": CANARY, "metadata": {CANARY: CANARY}}
MODELS = [CANARY, f"group:{CANARY}"]
CALL = {
    "model": CANARY,
    "provider": CANARY,
    "endpoint": CANARY,
    "tags": [CANARY],
    "prompt_tokens": CANARY_NUMBER,
    "completion_tokens": CANARY_NUMBER,
    "cache_read_tokens": CANARY_NUMBER,
    "cache_creation_tokens": CANARY_NUMBER,
    "cost": CANARY_MONEY,
}
TEXTS = ["guardrails", "policies", "prompts", "pass_through_routes", "mcp_servers"]
TEXTS += ["mcp_access_groups", "vector_stores", "agents", "agent_access_groups", "blocked_tools"]
SMALL_NUMBERS = ["retries", "timeout_seconds", "allowed_fails", "cooldown_seconds"]
SETTINGS = {
    **{name: [CANARY] for name in TEXTS},
    **dict.fromkeys(SMALL_NUMBERS, SMALL_NUMBER),
    "mcp_tool_permissions": [{"server": CANARY, "tools": [CANARY]}],
    "vector_store_indexes": [{"index": CANARY, "permissions": ["READ"]}],
    "fallbacks": [{"model": CANARY, "fallbacks": [CANARY]}],
    "secret_manager_settings": [{"name": CANARY, "value": CANARY}],
    "routing_strategy": CANARY,
    "secret_manager": CANARY,
}


def marks(ids: list[str]) -> list[str]:
    """What no answer to a stranger may have; of the numbers also what a few of them add up to."""
    sums = [str(CANARY_NUMBER * many) for many in range(1, 6)]
    return [CANARY, str(SMALL_NUMBER), *sums, *ids]


async def make_canaries(make: Factory, mate: Person) -> list[str]:
    """Another organization, which the mate belongs to as well; the ids of all that is in it."""
    organization = await make.organization(**NAMED, models=MODELS)
    team = await make.team(
        organization,
        **NAMED,
        description=CANARY,
        tags=[CANARY],
        models=MODELS,
        model_aliases={CANARY: CANARY},
    )
    await make.row(gateway_settings, team_id=team.id, **SETTINGS)
    group = await make.access_group(CANARY, models=[f"{CANARY}-mini"], description=CANARY)
    bird = await make.person(email=f"{CANARY}@example.com", **NAMED, models=[CANARY])
    joined = [
        await make.organization_member(organization, bird, OrganizationRole.ADMIN),
        await make.organization_member(organization, mate),
        await make.team_member(team, bird, TeamRole.ADMIN),
        await make.team_member(team, mate),
    ]
    hidden = await make.team(
        organization, **{**NAMED, "external_id": f"{CANARY}-open"}, joinable=True
    )
    keys = [
        (
            await make.api_key(
                holder,
                team=team,
                alias=f"{CANARY} {kind}",
                external_id=f"{CANARY}-{kind}",
                models=[CANARY],
                metadata={CANARY: CANARY},
            )
        ).row
        for kind, holder in (("member", bird), ("service", None))
    ]
    for owner, row in (("organization", organization), ("team", team)):
        await make.access_group_use(group, owner, row.id)
    budgets, plan = await _make_limits(
        make, {"organization": [organization], "team": [team], "user": [bird.row]}, team, joined
    )
    await make.attachment(plan, "api_key", keys[0].id)
    gone = await make.deleted_team(
        organization, name=CANARY, external_id=CANARY, state={CANARY: CANARY}
    )
    keys.append(
        await make.deleted_api_key(
            organization=organization,
            team=team,
            alias=CANARY,
            alias_key=CANARY,
            external_id=CANARY,
            state={CANARY: CANARY},
        )
    )
    entries = [
        await make.audit_entry(
            thing,
            organization=organization,
            team=team,
            actor_user_id=bird.id,
            on_behalf_of=CANARY,
            request_id=CANARY,
            before={CANARY: CANARY},
            after={CANARY: CANARY},
        )
        for thing in (organization, team, mate.row)
    ]
    calls = [
        await make.usage_event(
            key, request_id=f"{CANARY}-{number}", organization_id=organization.id, **CALL
        )
        for number, key in enumerate(keys)
    ]
    await _make_traces(make, [organization.id, *(row.id for row in (team, *joined, *keys))], bird)
    members = [organization, team, hidden, gone, bird.row, *joined]
    rows = [*members, *budgets, plan, group, *entries, *keys, *calls]
    return [*(row.id for row in rows), bird.key_id]


async def _make_limits(
    make: Factory, spenders: dict[str, list[Any]], team: Any, joined: list[Any]
) -> tuple[list[Any], Any]:
    """A budget of everything, and a plan."""
    spenders = {**spenders, "organization_member": joined[:2], "team_member": joined[2:]}
    held = [(kind, row) for kind, rows in spenders.items() for row in rows]
    budgets = [
        await make.budget(kind, row, **LIMITS) for kind, row in [*held, ("team_default", team)]
    ]
    plan = await make.plan(CANARY, **LIMITS)
    for budget in (*budgets, plan):
        await make.model_limit(budget, CANARY, **OF_MODELS)
    for kind, row in held:
        await make.increase(kind, row, CANARY_MONEY, datetime(2999, 1, 1, tzinfo=UTC))
    return budgets, plan


async def _make_traces(make: Factory, holders: list[str], bird: Person) -> None:
    """What was spent by each, and what is remembered of requests."""
    of_first = {"holder_id": holders[0], "model": CANARY, "since": FIRST, "starts_at": FIRST}
    await make.row(usage_closings, **of_first, spend=CANARY_MONEY)
    now = datetime.now(UTC)
    await make.row(spend_adjustments, **of_first, at=now, amount=CANARY_MONEY)
    for holder in holders:
        for model in ("", CANARY):
            await make.spend_of(holder, str(CANARY_MONEY), model=model)
        await make.lifetime_spend_of(holder, str(CANARY_MONEY))
    digest = bytes(32)
    await make.row(usage_requests, request_id=CANARY, content_hash=digest)
    await make.row(
        idempotency_records,
        actor_id=bird.id,
        key=CANARY,
        request_hash=digest,
        outcome={CANARY: CANARY},
    )
