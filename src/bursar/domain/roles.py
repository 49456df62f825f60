"""The roles a person can have, what a MEMBER of a team may do with keys, and a key's scopes."""

from collections.abc import Iterable
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


class MemberPermission(StrEnum):
    """What a team lets its MEMBERs do with their own keys of it; SERVICE_… is of its services' keys.

    KEY_RESET_SPEND and ACTIVITY_READ are about what is metered.
    """

    KEY_CREATE = "KEY_CREATE"
    KEY_UPDATE = "KEY_UPDATE"
    KEY_DELETE = "KEY_DELETE"
    KEY_READ = "KEY_READ"
    KEY_ROTATE = "KEY_ROTATE"
    KEY_BLOCK = "KEY_BLOCK"
    KEY_RESET_SPEND = "KEY_RESET_SPEND"
    SERVICE_KEY_CREATE = "SERVICE_KEY_CREATE"
    SERVICE_KEY_READ = "SERVICE_KEY_READ"
    ACTIVITY_READ = "ACTIVITY_READ"


DEFAULT_PERMISSIONS = (MemberPermission.KEY_READ,)
"""What a team lets its MEMBERs do that says nothing about it."""


def permissions_of(role: TeamRole, stored: Iterable[str] | None) -> list[MemberPermission]:
    """What a member of this role may do in a team with these permissions; an ADMIN everything."""
    if role is TeamRole.ADMIN:
        return list(MemberPermission)
    return list(DEFAULT_PERMISSIONS if stored is None else map(MemberPermission, stored))


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
