"""Checks of what belongs to what: members, keys, budgets and plans."""

from bursar.database.tables import BUDGET_OWNERS
from bursar.domain.ids import DEFAULT_ORGANIZATION
from bursar.operations.checks.check import Check

RELATIONS = (
    Check(
        "built-in-organization",
        "The organization `default` is there.",
        "organizations",
        f"""
        SELECT '{DEFAULT_ORGANIZATION}' AS id, 'is missing' AS problem WHERE NOT EXISTS (
            SELECT FROM organizations
            WHERE id = '{DEFAULT_ORGANIZATION}' AND external_id = 'default')
        """,
    ),
    Check(
        "team-members-in-organization",
        "A team's members belong to its organization, but in the built-in one, where anyone does.",
        "team_members",
        f"""
        SELECT member.id,
            format('user %s of team %s is no member of organization %s',
                member.user_id, team.id, team.organization_id) AS problem
        FROM team_members member JOIN teams team ON team.id = member.team_id
        LEFT JOIN organization_members belonging
            ON belonging.organization_id = team.organization_id
            AND belonging.user_id = member.user_id
        WHERE team.organization_id <> '{DEFAULT_ORGANIZATION}' AND belonging.id IS NULL
        """,
    ),
    Check(
        "key-user-in-team",
        "A key's user is a member of its team.",
        "api_keys",
        """
        SELECT key.id,
            format('user %s is no member of team %s', key.user_id, key.team_id) AS problem
        FROM api_keys key LEFT JOIN team_members member
            ON member.team_id = key.team_id AND member.user_id = key.user_id
        WHERE key.team_id IS NOT NULL AND key.user_id IS NOT NULL AND member.id IS NULL
        """,
    ),
    Check(
        "own-budget-or-plan",
        "Nothing has both a budget of its own and a plan.",
        "budget_attachments",
        " UNION ALL ".join(
            f"""
            SELECT budgets.id, format('{owner} %s has plan %s too', {owner}, plan_id) AS problem
            FROM budgets JOIN budget_attachments USING ({owner})
            """
            for owner in BUDGET_OWNERS.values()
        ),
    ),
    Check(
        "attached-budgets-are-plans",
        "What is attached is a plan, a budget with a name.",
        "budget_attachments",
        """
        SELECT plan_id AS id, 'is attached, but has no name' AS problem
        FROM budget_attachments JOIN budgets ON budgets.id = plan_id WHERE name IS NULL
        """,
    ),
)
