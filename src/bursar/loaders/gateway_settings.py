"""The gateway settings of teams, by team."""

from sqlalchemy import func, literal, select

from bursar.access.visibility import visible_gateway_settings
from bursar.database.tables import gateway_settings, teams
from bursar.domain.gateway import NOTHING
from bursar.loaders.rows import RowsByKey

# A team that nothing was ever said of has settings too, which say nothing.
_SAID = [
    gateway_settings.c[name]
    if nothing is None
    else func.coalesce(
        gateway_settings.c[name], literal(nothing, gateway_settings.c[name].type)
    ).label(name)
    for name, nothing in NOTHING.items()
]

gateway_settings_by_team = RowsByKey(
    lambda sight: (
        select(*_SAID)
        .select_from(teams.outerjoin(gateway_settings, gateway_settings.c.team_id == teams.c.id))
        .where(visible_gateway_settings(sight))
    ),
    teams.c.id,
)
