"""Something of every kind, for documents to ask for; and people of every standing, who ask."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from bursar.database.pool import Database
from bursar.database.tables import gateway_settings
from bursar.database.writes import insert_row
from bursar.domain.roles import MemberPermission, OrganizationRole, PlatformRole, TeamRole
from factories import Factory, Person

THEN = datetime(2026, 1, 31, 23, 30, tzinfo=UTC)


class Population(NamedTuple):
    """Who asks, and the ids of what there is, by the name of its type."""

    people: Sequence[Person]
    ids: Mapping[str, Sequence[str]]


async def populate(make: Factory, database: Database) -> Population:
    admin, viewer = await make.admin(), await make.person(PlatformRole.VIEWER)
    ids: dict[str, list[str]] = {}

    def note(kind: str, row: Any) -> Any:
        ids.setdefault(kind, []).append(row.id)
        return row

    plan = note("Budget", await make.plan(max_budget=Decimal("12.5"), duration="1mo"))
    await make.model_limit(plan, "gpt-5", rpm_limit=1)
    group = note("AccessGroup", await make.access_group("fast", models=["gpt-5", "claude-*"]))
    people = [admin, viewer]
    for number in range(3):
        organization = note(
            "Organization",
            await make.organization(models=["*"], metadata={"n": [number, None, {"é": "\u2028"}]}),
        )
        await make.access_group_use(group, "organization", organization.id)
        people.append(
            await make.person(organization=organization, organization_role=OrganizationRole.ADMIN)
        )
        for place in range(2):
            team = note(
                "Team",
                await make.team(
                    organization,
                    name=f"Team {number} {place}",
                    model_aliases={"b": "gpt-5", "a": "x"} if place else {},
                    member_permissions=[MemberPermission.KEY_READ] if place else None,
                    tags=["a", "é"],
                    external_id=f"t-{number}-{place}",
                ),
            )
            if place:
                await make.budget("team", team, max_budget=number, duration="30d", timezone="UTC")
                await make.budget("team_default", team, rpm_limit=number)
            else:
                await make.attachment(plan, "team", team.id)
            await _settings(database, team.id)
            for member in range(3):
                person = await make.person(organization=organization)
                role = TeamRole.ADMIN if member == 0 else TeamRole.MEMBER
                row = note("TeamMember", await make.team_member(team, person, role))
                key = await make.api_key(person, team=team, alias=f"k{member}", models=["gpt-5"])
                note("ApiKey", key.row)
                note("User", person.row)
                if member == 1:
                    note("Budget", await make.budget("team_member", row, max_budget=1))
                    note("Budget", await make.budget("user", person.row, tpm_limit=2**53 + 1))
                    await make.attachment(plan, "api_key", key.id)
                if number == 0:
                    people.append(person)
            note("ApiKey", (await make.api_key(team=team, expires_at=THEN)).row)
            note("AuditEntry", await make.audit_entry(team, organization=organization, team=team))
        joined = await make.organization_member(organization, viewer)
        note("OrganizationMember", joined)
        await make.budget("organization_member", joined, max_budget=number)
        note("AuditEntry", await make.audit_entry(organization, organization=organization))
        await make.deleted_team(organization)
        await make.deleted_api_key(organization=organization)
    return Population(people, ids)


async def _settings(database: Database, team_id: str) -> None:
    settings = {
        "team_id": team_id,
        "guardrails": ["pii"],
        "mcp_tool_permissions": [{"server": "s", "tools": ["a", "b"]}],
        "vector_store_indexes": [{"index": "i", "permissions": ["READ"]}],
        "fallbacks": [{"model": "m", "fallbacks": ["n"]}],
        "secret_manager_settings": [{"name": "n", "value": "v"}],
        "retries": 3,
        "file_expiry": "30d",
    }
    await database.write(lambda tx: insert_row(tx, gateway_settings, settings))
