"""What holds for the members of a team alike: the default budget, and what they may do with keys."""

from typing import TypedDict

from bursar.access.actor import Actor
from bursar.access.door import access_team
from bursar.access.policy import Action
from bursar.database.connections import Connection
from bursar.database.rows import Row
from bursar.database.tables import teams
from bursar.database.writes import amend_row
from bursar.domain.errors import Invalid, Problems
from bursar.domain.limits import BudgetChanges, problems_with_budget
from bursar.domain.names import problem_with_repeated
from bursar.domain.roles import MemberPermission
from bursar.services import audit, budgets
from bursar.services.attributes import check_version
from bursar.services.teams import change


class Permissions(TypedDict, total=False):
    """What members may do from now on; None is the default."""

    permissions: list[MemberPermission] | None


class DefaultBudget(TypedDict, total=False):
    """The limits to set; None takes the default away."""

    budget: BudgetChanges | None


async def update_budget(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    attributes: DefaultBudget,
    expected_version: int | None = None,
) -> Row:
    """Change the budget of each member who has no own one.

    Raises Refusals for bad limits, NotFound, Forbidden, VersionConflict for the team's version.
    """
    Problems(problems_with_budget(attributes.get("budget"), "budget")).raise_any()
    row = await access_team(tx, actor, team_id, Action.TEAM_MEMBER_BUDGET_UPDATE, path=("team_id",))
    check_version(row, expected_version)
    before, limits = await budgets.update(tx, "team_default", row.id, attributes)
    changed = await amend_row(tx, teams, row, {}, beside=before != limits)
    if changed is row:
        return row
    audit.record(
        tx,
        actor,
        change(
            "team.update",
            row,
            before=audit.all_of([("member_budget", before)]),
            after=audit.all_of([("member_budget", limits)]),
        ),
    )
    return changed


async def update_permissions(
    tx: Connection,
    actor: Actor,
    *,
    team_id: str,
    attributes: Permissions,
    expected_version: int | None = None,
) -> Row:
    """Change what members of the team may do with keys; nobody does more once this is committed.

    Raises Refusals for what is named twice, NotFound, Forbidden, VersionConflict for the team's
    version.
    """
    if problem := problem_with_repeated(attributes.get("permissions") or ()):
        raise Invalid("permissions", problem=problem)
    row = await access_team(
        tx, actor, team_id, Action.TEAM_MEMBER_PERMISSIONS_UPDATE, path=("team_id",)
    )
    check_version(row, expected_version)
    columns = {f"member_{name}": value for name, value in attributes.items()}
    changed = await amend_row(tx, teams, row, columns)
    if changed is row:
        return row
    audit.record(tx, actor, change("team.update", row, before=row, after=changed))
    return changed
