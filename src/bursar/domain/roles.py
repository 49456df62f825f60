"""The roles a person can have: on the platform, in an organization, in a team; and a key's scopes."""

from enum import StrEnum


class PlatformRole(StrEnum):
    """VIEWER reads everything and changes nothing; USER_VIEWER is a USER who changes nothing."""

    ADMIN = "ADMIN"
    VIEWER = "VIEWER"
    USER = "USER"
    USER_VIEWER = "USER_VIEWER"


class OrganizationRole(StrEnum):
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"


class TeamRole(StrEnum):
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"


class KeyScope(StrEnum):
    """What a key may be used for.

    MANAGE: this API, as the key's user. INFER: to be presented to a gateway; here it reads only
    itself and its team. GATEWAY: to authorize calls and record usage for any key.
    """

    MANAGE = "MANAGE"
    INFER = "INFER"
    GATEWAY = "GATEWAY"


class KeyKind(StrEnum):
    """Whose a key is: a user's own, a user's as a member of a team, or a team's without a user."""

    PERSONAL = "PERSONAL"
    MEMBER = "MEMBER"
    SERVICE = "SERVICE"


class BudgetSource(StrEnum):
    """Where the budget of a holder comes from."""

    OWN = "OWN"
    PLAN = "PLAN"
    TEAM_DEFAULT = "TEAM_DEFAULT"
