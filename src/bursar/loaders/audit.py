"""Audit entries by id, their list, and those under an organization or a team; newest first."""

from bursar.access.visibility import visible_audit_entries
from bursar.database.tables import audit_entries
from bursar.loaders.filters import among, between, equal
from bursar.loaders.pages import Listing
from bursar.loaders.rows import rows_of

NEWEST_FIRST = (("id", True),)
ORDERS = {"at": audit_entries.c.at}

audit_entries_by_id = rows_of(audit_entries.c.id, visible_audit_entries)
audit_entries_list = Listing(
    audit_entries.c.id,
    visible_audit_entries,
    orders=ORDERS,
    default=(("at", True),),  # as the filters are about, so that one index serves both
    filters={
        **equal("object_id", audit_entries.c.object_id),
        **equal("actor_user_id", audit_entries.c.actor_user_id),
        **equal("actor_key_id", audit_entries.c.actor_key_id),
        **equal("organization_id", audit_entries.c.organization_id),
        **equal("team_id", audit_entries.c.team_id),
        **among("actions", audit_entries.c.action),
        **between(audit_entries.c.at, "since", "before"),
    },
)
audit_entries_by_organization = Listing(
    audit_entries.c.id,
    visible_audit_entries,
    parent=audit_entries.c.organization_id,
    default=NEWEST_FIRST,
)
audit_entries_by_team = Listing(
    audit_entries.c.id,
    visible_audit_entries,
    parent=audit_entries.c.team_id,
    default=NEWEST_FIRST,
)
