"""Who acts: the key behind a request and the user it stands for, as sign-in found them."""

from enum import StrEnum
from typing import NamedTuple

from bursar.domain.roles import KeyScope, PlatformRole


class Sight(StrEnum):
    """How far an actor sees."""

    ALL = "ALL"  # everything
    RELATED = "RELATED"  # what the user is related to
    KEY = "KEY"  # the key itself, its user and its team


class Actor(NamedTuple):
    """A signed-in caller. Authority comes from these stored facts, never from a request's fields.

    A key of a service stands for no user. Only with the scope MANAGE does a key act as its user;
    without it, it reads itself and its team. `on_behalf_of` is whom the request says it speaks for.
    """

    user_id: str | None
    key_id: str
    role: PlatformRole
    scopes: frozenset[KeyScope]
    team_id: str | None = None
    request_id: str | None = None
    on_behalf_of: str | None = None

    @property
    def manages(self) -> bool:
        return self.user_id is not None and KeyScope.MANAGE in self.scopes

    @property
    def sight(self) -> Sight:
        if not self.manages:
            return Sight.KEY
        sees_all = self.role in {PlatformRole.ADMIN, PlatformRole.VIEWER}
        return Sight.ALL if sees_all else Sight.RELATED

    @property
    def administers_all(self) -> bool:
        return self.manages and self.role is PlatformRole.ADMIN

    @property
    def speaks_for_others(self) -> bool:
        """Whether what the request says of `on_behalf_of` is to be believed."""
        return self.administers_all or self.is_gateway

    @property
    def is_gateway(self) -> bool:
        """Whether the key speaks for all keys; it may, whoever its user is."""
        return KeyScope.GATEWAY in self.scopes

    @property
    def only_reads(self) -> bool:
        """VIEWER and USER_VIEWER cap every other relation to reading, as a missing MANAGE does."""
        return not self.manages or self.role in {PlatformRole.VIEWER, PlatformRole.USER_VIEWER}

    @property
    def parameters(self) -> dict[str, str | None]:
        """What conditions of visibility may speak of."""
        return {
            "actor_id": self.user_id,
            "actor_key_id": self.key_id,
            "actor_team_id": self.team_id,
        }
