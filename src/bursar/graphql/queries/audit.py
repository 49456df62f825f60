"""The audit: every change that the caller may hear of."""

from bursar.graphql.connections import Connection, connection_field
from bursar.graphql.lists.audit import AuditFilter, AuditOrder
from bursar.graphql.lists.orders import NEWEST_FIRST
from bursar.graphql.types.audit import AuditEntry
from bursar.loaders.audit import audit_entries_list

audit_entries = connection_field(
    "audit_entries",
    audit_entries_list,
    Connection[AuditEntry],
    filter=AuditFilter,
    order=AuditOrder,
    sorted_by=NEWEST_FIRST,
    description="The changes that you may hear of, newest first: all for platform admins and "
    "viewers, those of their organizations and teams for the admins of these, none for others.",
)

FIELDS = [audit_entries]
