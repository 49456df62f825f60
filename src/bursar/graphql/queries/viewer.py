"""Who asks, and which limits hold for them."""

from dataclasses import asdict
from datetime import timedelta

import strawberry
from strawberry.types import Info

from bursar.access.policy import Action, permits
from bursar.domain import durations, metadata, models, names, usage
from bursar.domain.keys import LONGEST_GRACE
from bursar.domain.limits import MOST_MODELS
from bursar.domain.roles import KeyScope, PlatformRole
from bursar.graphql.connections import DEFAULT_PAGE, LARGEST_PAGE, Connection, connection_edge
from bursar.graphql.context import Context
from bursar.graphql.edges import edge
from bursar.graphql.queries.period import MOST_PERIODS
from bursar.graphql.scalars import Duration
from bursar.graphql.types.key import ApiKey
from bursar.graphql.types.member import OrganizationMember, TeamMember
from bursar.graphql.types.user import User
from bursar.loaders.activity import MOST_DAYS
from bursar.loaders.keys import api_keys_by_id
from bursar.loaders.members import team_members_by_user
from bursar.loaders.organizations import organization_members_by_user
from bursar.loaders.users import users_by_id
from bursar.services import everybody, idempotency, increases, key_removal, team_removal
from bursar.services.memberships import MOST_AT_ONCE


@strawberry.type(description="Who asks: the user and the key behind the request.")
class Viewer:
    user_id: strawberry.Private[str | None]
    key_id: strawberry.Private[str]
    platform_role: PlatformRole | None = strawberry.field(
        description="What the user is to the whole platform; null for the key of a service."
    )
    scopes: list[KeyScope] = strawberry.field(description="What the key may be used for.")
    permissions: list[Action] = strawberry.field(
        description="What the user may do anywhere on the platform; "
        "more may be permitted in single organizations and teams."
    )
    user: User | None = edge(
        users_by_id, key="user_id", description="The user; null for the key of a service."
    )
    key: ApiKey | None = edge(
        api_keys_by_id, key="key_id", description="The key; null if it was deleted since."
    )
    organizations: Connection[OrganizationMember] = connection_edge(
        organization_members_by_user,
        key="user_id",
        description="The user's memberships in organizations, oldest first.",
    )
    teams: Connection[TeamMember] = connection_edge(
        team_members_by_user,
        key="user_id",
        description="The user's memberships in teams, oldest first.",
    )


@strawberry.field(description="Who asks.")
def viewer(info: Info[Context, None]) -> Viewer:
    actor = info.context.actor
    return Viewer(
        user_id=actor.user_id,
        key_id=actor.key_id,
        platform_role=actor.role if actor.user_id else None,
        scopes=sorted(actor.scopes),
        permissions=[action for action in Action if permits(actor, action)],
    )


@strawberry.type(description="The limits in force on requests and values.")
class Limits:
    max_body_bytes: int = strawberry.field(description="The longest body of a request, in bytes.")
    max_gateway_body_bytes: int = strawberry.field(
        description="The longest body of a request by a key with the scope GATEWAY, in bytes."
    )
    max_request_seconds: int = strawberry.field(
        description="How long a request may take until it is ended, in seconds."
    )
    max_requests_under_way: int = strawberry.field(
        description="The most GraphQL requests that a process works on at the same moment."
    )
    max_usage_events_at_once: int = strawberry.field(
        description="The most calls that one report of usage holds."
    )
    usage_hours: int = strawberry.field(
        description="How long after a call its usage may be reported, in hours."
    )
    usage_minutes_ahead: int = strawberry.field(
        description="How far ahead of the database's clock the time of a call may be, in minutes."
    )
    max_document_characters: int = strawberry.field(
        description="The longest document, in characters."
    )
    max_document_tokens: int = strawberry.field(description="The most tokens of a document.")
    max_depth: int = strawberry.field(description="How deep fields may nest.")
    max_aliases: int = strawberry.field(description="The most aliases in a document.")
    max_root_fields: int = strawberry.field(description="The most root fields of a query.")
    max_root_mutations: int = strawberry.field(description="The most mutations in one request.")
    max_fragments: int = strawberry.field(description="The most fragments in a document.")
    max_directives: int = strawberry.field(description="The most directives in a document.")
    max_operations: int = strawberry.field(description="The most operations in a document.")
    max_selections: int = strawberry.field(
        description="The most fields of an operation, those of a fragment counted wherever it is "
        "spread."
    )
    max_comparisons: int = strawberry.field(
        description="The most steps to find out whether fields of one name in a document agree."
    )
    max_errors: int = strawberry.field(
        description="The most errors in an answer; the last says if there are more."
    )
    max_cost: int = strawberry.field(
        description="The most objects that a request may ask for: a connection counts as many "
        "times as its page is long."
    )
    max_variables_depth: int = strawberry.field(description="How deep variables may nest.")
    max_list_items: int = strawberry.field(
        description="The most items in a list, or fields in an object, among the variables."
    )
    max_values: int = strawberry.field(
        description="The most values in all variables, lists and objects among them."
    )
    max_gateway_values: int = strawberry.field(
        description="The same of a key with the scope GATEWAY; a full report of usage has so many."
    )
    max_cost_per_minute: int = strawberry.field(
        description="How much each key may ask of each process in a minute: a point for a request, one "
        "for each object of its cost, two for each character of a document that is new."
    )
    max_cost_at_once: int = strawberry.field(
        description="How much of that a key that was idle may ask at once."
    )
    max_failed_sign_ins: int = strawberry.field(
        description="How many sign-ins may fail in a minute, from one address or with one beginning of "
        "a key, before further ones wait."
    )
    default_page_size: int = strawberry.field(
        description="How many a connection gives where neither first nor last is said."
    )
    max_page_size: int = strawberry.field(description="The most that first or last may ask for.")
    max_node_ids: int = strawberry.field(description="The most ids in one call of nodes.")
    max_members_at_once: int = strawberry.field(
        description="The most members that one call adds or removes."
    )
    max_users_at_once: int = strawberry.field(
        description="The most people that one call adds by allUsers."
    )
    max_teams_deleted_at_once: int = strawberry.field(
        description="The most teams that one call deletes."
    )
    max_api_keys_deleted_at_once: int = strawberry.field(
        description="The most API keys that one call deletes."
    )
    max_grace_period: Duration = strawberry.field(
        description="The longest time that a replaced secret stays good."
    )
    max_idempotency_key_characters: int = strawberry.field(
        description="The longest idempotency key."
    )
    idempotency_hours: int = strawberry.field(
        description="How long a call with an idempotency key is remembered, in hours."
    )
    max_name_characters: int = strawberry.field(description="The longest name.")
    max_email_characters: int = strawberry.field(description="The longest e-mail.")
    max_description_characters: int = strawberry.field(description="The longest description.")
    max_external_id_characters: int = strawberry.field(description="The longest external id.")
    max_tags: int = strawberry.field(description="The most tags of a team.")
    max_tag_characters: int = strawberry.field(description="The longest tag.")
    max_models: int = strawberry.field(description="The most entries of a list of models.")
    max_model_characters: int = strawberry.field(description="The longest name of a model.")
    max_model_aliases: int = strawberry.field(description="The most aliases of a team.")
    max_model_limits: int = strawberry.field(description="The most models that one budget limits.")
    max_metadata_bytes: int = strawberry.field(description="The longest metadata, as JSON.")
    max_metadata_depth: int = strawberry.field(description="The deepest nesting of metadata.")
    max_preview_periods: int = strawberry.field(
        description="The most periods that one preview shows."
    )
    max_duration_years: int = strawberry.field(description="The longest duration of a budget.")
    max_increase_days: int = strawberry.field(
        description="How far ahead a temporary increase may end, in days."
    )
    max_activity_days: int = strawberry.field(
        description="The most days that one range of activity has."
    )
    self_service_teams: bool = strawberry.field(
        description="Whether any user may create teams in the built-in organization, within their "
        "own limits."
    )


@strawberry.field(description="The limits in force on requests and values.")
def limits(info: Info[Context, None]) -> Limits:
    environment = info.context.environment
    return Limits(
        max_body_bytes=environment.max_body_bytes,
        max_gateway_body_bytes=environment.max_gateway_body_bytes,
        max_request_seconds=environment.request_limits.seconds,
        max_requests_under_way=environment.request_limits.under_way,
        max_usage_events_at_once=usage.EVENTS,
        usage_hours=usage.LATEST // timedelta(hours=1),
        usage_minutes_ahead=usage.SOONEST // timedelta(minutes=1),
        **{f"max_{name}": most for name, most in asdict(environment.document_limits).items()},
        default_page_size=DEFAULT_PAGE,
        max_page_size=LARGEST_PAGE,
        max_node_ids=LARGEST_PAGE,
        max_members_at_once=MOST_AT_ONCE,
        max_users_at_once=everybody.MOST,
        max_teams_deleted_at_once=team_removal.MOST_DELETED,
        max_idempotency_key_characters=names.IDEMPOTENCY_KEY_LENGTH,
        idempotency_hours=idempotency.HOURS,
        max_api_keys_deleted_at_once=key_removal.MOST_DELETED,
        max_grace_period=Duration(f"{LONGEST_GRACE.days}d"),
        max_name_characters=names.NAME_LENGTH,
        max_email_characters=names.EMAIL_LENGTH,
        max_description_characters=names.DESCRIPTION_LENGTH,
        max_external_id_characters=names.EXTERNAL_ID_LENGTH,
        max_tags=names.TAGS,
        max_tag_characters=names.TAG_LENGTH,
        max_models=models.ENTRIES,
        max_model_characters=models.ENTRY_LENGTH,
        max_model_aliases=models.ALIASES,
        max_model_limits=MOST_MODELS,
        max_metadata_bytes=metadata.LONGEST,
        max_metadata_depth=metadata.DEEPEST,
        max_preview_periods=MOST_PERIODS,
        max_duration_years=durations.LONGEST[durations.Unit.YEAR],
        max_increase_days=increases.LONGEST.days,
        max_activity_days=MOST_DAYS,
        self_service_teams=environment.new_teams.self_service,
    )


FIELDS = [viewer, limits]
