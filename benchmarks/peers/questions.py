"""What all are asked: five questions in three dialects, and what of the answers must be equal."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

BURSAR, PLAIN, POSTGRAPHILE = "bursar", "plain", "postgraphile"

NUMBERS = {"maxBudget", "tpmLimit", "rpmLimit"}
TIMES = {"createdAt", "updatedAt"}

POINT = "id name externalId description blocked createdAt"
FLAT = "id name externalId description blocked version createdAt updatedAt"
TEAM = "id name blocked createdAt"
MINE = "id name description blocked createdAt"
LIMITS = "maxBudget duration tpmLimit rpmLimit"
OWN_LIMITS = "maxBudget rpmLimit"
USER = "id name email"
KEY = "id alias lastFour blocked createdAt"
PAGE = f"query Q($after: String) {{ teams(first: 1000, after: $after) {{ nodes {{ {FLAT} }} }} }}"
BY_NAME = "orderBy: [NAME_KEY_ASC, ROW_ID_ASC]"


@dataclass(frozen=True)
class Question:
    """One thing to ask: a document for each dialect, and where each has the answer.

    `plain` is the schema of the servers that are written for this comparison.
    """

    name: str
    title: str
    documents: Mapping[str, str]
    places: Mapping[str, tuple[str, ...]]
    writes: bool = False

    def answer_in(self, dialect: str, data: Any) -> Any:
        """The part of the data that all have, the same for all whose answers agree."""
        for step in self.places[dialect]:
            data = data[int(step) if isinstance(data, list) else step]
        return _normal(data)


def _rows(fields: str) -> str:
    """Of PostGraphile, which calls a column `id` rowId, as its own `id` is that of Relay."""
    return f"id: rowId {fields.removeprefix('id ')}"


POINT_READ = Question(
    "point-read",
    "point read",
    {
        BURSAR: f"query Q($id: ID!) {{ team(id: $id) {{ {POINT} }} }}",
        PLAIN: f"query Q($id: ID!) {{ team(id: $id) {{ {POINT} }} }}",
        POSTGRAPHILE: f"""query Q($id: String!) {{
          team: teamByRowId(rowId: $id) {{ {_rows(POINT)} }} }}""",
    },
    {BURSAR: ("team",), PLAIN: ("team",), POSTGRAPHILE: ("team",)},
)

DASHBOARD = Question(
    "dashboard",
    "dashboard",
    {
        BURSAR: f"""query Q($id: ID!) {{ organization(id: $id) {{ teams(first: 50) {{
          totalCount nodes {{ {TEAM} budget {{ limits {{ {LIMITS} }} }} organization {{ id name }}
          members(first: 20) {{ nodes {{
            id role user {{ {USER} }} budget {{ limits {{ {OWN_LIMITS} }} }}
          }} }}
          apiKeys(first: 10) {{ nodes {{ {KEY} }} }}
        }} }} }} }}""",
        PLAIN: f"""query Q($id: ID!) {{ organization(id: $id) {{ teams(first: 50) {{
          totalCount nodes {{ {TEAM} budget {{ {LIMITS} }} organization {{ id name }}
          members(first: 20) {{ id role user {{ {USER} }} budget {{ {OWN_LIMITS} }} }}
          apiKeys(first: 10) {{ {KEY} }}
        }} }} }} }}""",
        # The default of a team is asked for once a team: whoever reads gives it to its members.
        POSTGRAPHILE: f"""query Q($id: String!) {{ organization: organizationByRowId(rowId: $id) {{
          teams: teamsByOrganizationId(first: 50, {BY_NAME}) {{ totalCount nodes {{
          {_rows(TEAM)} budget: budgetByTeamId {{ {LIMITS} }}
          defaultBudget: budgetByDefaultOfTeamId {{ {OWN_LIMITS} }}
          organization: organizationByOrganizationId {{ id: rowId name }}
          members: teamMembersByTeamIdList(first: 20, orderBy: [ROW_ID_ASC]) {{
            id: rowId role user: userByUserId {{ {_rows(USER)} }}
            budget: budgetByTeamMemberId {{ {OWN_LIMITS} }}
          }}
          apiKeys: apiKeysByTeamIdList(first: 10, orderBy: [ROW_ID_ASC]) {{ {_rows(KEY)} }}
        }} }} }} }}""",
    },
    dict.fromkeys((BURSAR, PLAIN, POSTGRAPHILE), ("organization", "teams")),
)

FLAT_ROWS = Question(
    "flat-rows",
    "1,000 flat rows",
    {
        BURSAR: PAGE,
        PLAIN: PAGE,
        POSTGRAPHILE: f"""query Q($after: Cursor) {{
          teams: allTeams(first: 1000, after: $after, {BY_NAME}) {{ nodes {{ {_rows(FLAT)} }} }} }}""",
    },
    dict.fromkeys((BURSAR, PLAIN, POSTGRAPHILE), ("teams",)),
)

MY_TEAMS = Question(
    "my-teams",
    "teams of a plain member",
    {
        BURSAR: f"""query Q {{ teams(first: 50) {{ nodes {{ {MINE}
          organization {{ id name }} budget {{ limits {{ {LIMITS} }} }} }} }} }}""",
        PLAIN: f"""query Q($user: ID!) {{ viewerTeams(userId: $user, first: 50) {{ {MINE}
          organization {{ id name }} budget {{ {LIMITS} }} }} }}""",
        POSTGRAPHILE: f"""query Q($user: String!) {{ peersViewerTeamsList(viewer: $user, first: 50) {{
          {_rows(MINE)} organization: organizationByOrganizationId {{ id: rowId name }}
          budget: budgetByTeamId {{ {LIMITS} }} }} }}""",
    },
    {BURSAR: ("teams",), PLAIN: ("viewerTeams",), POSTGRAPHILE: ("peersViewerTeamsList",)},
)

ADD_MEMBER = Question(
    "add-member",
    "add a member",
    {
        BURSAR: f"""mutation Q($team: ID!, $user: ID!) {{
          teamMembersAdd(input: {{ teamId: $team, members: [{{ userId: $user, role: MEMBER }}] }}) {{
          members {{ id role user {{ {USER} }} }} errors {{ code message }} }} }}""",
        PLAIN: f"""mutation Q($team: ID!, $user: ID!) {{
          teamMemberAdd(teamId: $team, userId: $user) {{ id role user {{ {USER} }} }} }}""",
        POSTGRAPHILE: f"""mutation Q($team: String!, $user: String!) {{
          peersAddTeamMember(input: {{ team: $team, person: $user }}) {{
          member: result {{ id: rowId role user: userByUserId {{ {_rows(USER)} }} }} }} }}""",
    },
    {
        BURSAR: ("teamMembersAdd", "members", "0"),
        PLAIN: ("teamMemberAdd",),
        POSTGRAPHILE: ("peersAddTeamMember", "member"),
    },
    writes=True,
)

QUESTIONS = (POINT_READ, DASHBOARD, FLAT_ROWS, MY_TEAMS, ADD_MEMBER)


def _normal(value: Any, name: str = "") -> Any:
    """Numbers by value, times as instants, lists without what is around them, the default given."""
    match value:
        case {"nodes": inner} | {"limits": inner} if len(value) == 1:
            return _normal(inner)
        case dict():
            normal = {key: _normal(each, key) for key, each in value.items()}
            if "defaultBudget" in normal:
                default = normal.pop("defaultBudget")
                for member in normal["members"]:
                    member["budget"] = member["budget"] or default
            return normal
        case list():
            return [_normal(each) for each in value]
        case str() | int() | float() if name in NUMBERS:
            return Decimal(str(value)).normalize()
        case str() if name in TIMES:
            return datetime.fromisoformat(value).astimezone(UTC)
        case _:
            return value
