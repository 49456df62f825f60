"""Organizations: create, update, delete."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select

from bursar.access.actor import Actor
from bursar.access.door import Lock, access_organization
from bursar.access.policy import Action, forbidden, permits
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.statements import Statement
from bursar.database.tables import organizations
from bursar.database.tables import teams as team_table
from bursar.database.writes import amend_row, delete_rows, insert_row
from bursar.domain.errors import BuiltIn, HasTeams, Problems, Refusal
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, new_id
from bursar.domain.limits import (
    BudgetChanges,
    problems_with_budget,
    resulting,
)
from bursar.services import audit, budgets, memberships, models, team_removal, throughput
from bursar.services.attributes import check_version, columns_in, columns_of, problems_with
from bursar.services.audit import Change
from bursar.services.limits import below_teams, place_of
from bursar.services.models import ModelAttributes


class OrganizationAttributes(ModelAttributes, total=False):
    """What is to be set; a budget of None takes the budget away."""

    name: str
    external_id: str | None
    metadata: dict[str, Any]
    budget: BudgetChanges | None


async def create(tx: Connection, actor: Actor, *, attributes: OrganizationAttributes) -> Row:
    """Create an organization, with its budget if one is given.

    Raises Refusals for bad attributes, Forbidden, NotFound for access groups, or AlreadyTaken for
    the external id.
    """
    own = columns_in(attributes)
    Problems(_problems(attributes)).raise_any()
    if not permits(actor, Action.ORGANIZATION_CREATE):
        raise forbidden(Action.ORGANIZATION_CREATE)
    limits = resulting(None, attributes.get("budget"))
    wanted = await models.wanted(tx, actor, attributes)
    row = await insert_row(
        tx,
        organizations,
        {"id": new_id(Prefix.ORGANIZATION), **columns_of(own), **wanted.columns},
    )
    await models.store_groups(tx, "organization", row.id, wanted.group_ids)
    await budgets.store(tx, "organization", row.id, None, limits)
    audit.record(
        tx,
        actor,
        Change(
            "organization.create",
            row.id,
            after={**row, **audit.all_of([("budget", limits)])},
            organization_id=row.id,
        ),
    )
    return row


async def update(
    tx: Connection,
    actor: Actor,
    *,
    organization_id: str,
    attributes: OrganizationAttributes,
    expected_version: int | None = None,
) -> Row:
    """Change what is given of an organization, and nothing else.

    Raises Refusals for bad attributes, NotFound, Forbidden for each attribute the actor may not set,
    VersionConflict, NotFound for access groups, TeamsExceedLimits for a limit below what a team of it
    holds or for models of a team that are not within it, AlreadyTaken.
    """
    own = columns_in(attributes)
    Problems(_problems(attributes)).raise_any()
    row = await access_organization(
        tx,
        actor,
        organization_id,
        deeds=[(_action(name), (name,)) for name in attributes]
        or [(Action.ORGANIZATION_UPDATE, ("id",))],
    )
    check_version(row, expected_version)
    if row.id == DEFAULT_ORGANIZATION and "external_id" in own:
        raise BuiltIn("external_id")
    wanted = await models.wanted(tx, actor, attributes, stored=row, teams_of=row.id)
    problems = Problems(wanted.problems)
    before, limits = await budgets.update(tx, "organization", row.id, attributes)
    if "budget" in attributes:
        problems.extend(await _problems_below(tx, row.id, attributes["budget"]))
    problems.raise_any()
    await models.store_groups(tx, "organization", row.id, wanted.group_ids)
    columns = {**columns_of(own), **wanted.columns}
    changed = await amend_row(tx, organizations, row, columns, beside=before != limits)
    if changed is row:
        return row
    audit.record(
        tx,
        actor,
        Change(
            "organization.update",
            row.id,
            before={**row, **audit.all_of([("budget", before)])},
            after={**changed, **audit.all_of([("budget", limits)])},
            organization_id=row.id,
        ),
    )
    return changed


async def delete(
    tx: Connection, actor: Actor, *, organization_id: str, cascade: bool = False
) -> None:
    """Delete an organization with its members; with `cascade` its teams too, which are archived.

    Each membership and each team has an audit entry of its own.

    Raises NotFound, Forbidden, BuiltIn for the built-in one, HasTeams without `cascade`.
    """
    row = await access_organization(
        tx, actor, organization_id, Action.ORGANIZATION_DELETE, lock=Lock.DELETE
    )
    if row.id == DEFAULT_ORGANIZATION:
        raise BuiltIn("id")
    its_teams = await tx.all(_teams_of(), organization_id=row.id)
    if its_teams and not cascade:
        raise HasTeams("id", count=len(its_teams))
    limits = budgets.limits_of(await budgets.budget_of(tx, "organization", row.id))
    members = await memberships.all_of_organization(tx, row.id)
    await team_removal.remove(tx, actor, its_teams)
    await memberships.remove_from_organization(tx, actor, members, organization_id=row.id)
    await delete_rows(tx, organizations, [row.id])
    audit.record(
        tx,
        actor,
        Change(
            "organization.delete",
            row.id,
            before={**row, **audit.all_of([("budget", limits)])},
            organization_id=row.id,
        ),
    )


def _problems(attributes: OrganizationAttributes) -> Iterator[Refusal]:
    yield from problems_with(attributes)
    yield from models.problems_with(attributes)
    yield from problems_with_budget(attributes.get("budget"), "budget")


def _action(attribute: str) -> Action:
    limiting = attribute in models.LIST | {"budget", "external_id"}
    return Action.ORGANIZATION_LIMIT if limiting else Action.ORGANIZATION_UPDATE


async def _problems_below(
    tx: Connection, organization_id: str, changes: BudgetChanges | None
) -> Problems:
    """Limits, which are stored, below what teams hold, one or all together."""
    place = place_of(changes, "budget")
    problems = Problems(await below_teams(tx, organization_id, place))
    problems.extend_elsewhere(await throughput.check(tx, "organization", [organization_id], place))
    return problems


@cache
def _teams_of() -> Statement:
    return Statement(
        select(team_table)
        .where(team_table.c.organization_id == bindparam("organization_id"))
        .order_by(team_table.c.id)
        .with_for_update()
    )
