"""The lock of counting: taken to add to what a holder has spent, and to change by which schedule."""

from sqlalchemy import CompoundSelect, Select, literal_column, select
from sqlalchemy.dialects.postgresql import Insert, insert

from bursar.database.tables import lifetime_spends


def hold(holder_ids: Select[tuple[str]] | CompoundSelect[tuple[str]]) -> Insert:
    """Lock the counting of holders until the transaction ends, in the order of their ids.

    It is the lock of their lifetime spend, to which nothing is added; who has none gets it.
    """
    held = holder_ids.subquery("held")
    return (
        insert(lifetime_spends)
        .from_select(
            ["holder_id", "spend"], select(held.c.id, literal_column("0")).order_by(held.c.id)
        )
        .on_conflict_do_update(
            index_elements=[lifetime_spends.c.holder_id],
            set_={"spend": lifetime_spends.c.spend},
        )
    )
