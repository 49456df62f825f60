"""A healthy database, and each way to break it that the doctor has to find."""

from datetime import UTC, datetime, timedelta

from bursar.database.data_directory import APPLICATION
from bursar.database.partitions import month_of, name_of
from bursar.domain.ids import DEFAULT_ORGANIZATION, Prefix, id_from
from bursar.domain.usage import dimensions_of, event_id

ORGANIZATION, OTHER = (id_from(Prefix.ORGANIZATION, number) for number in (1, 2))
USER, STRANGER = (id_from(Prefix.USER, number) for number in (1, 2))
GROUP = id_from(Prefix.ACCESS_GROUP, 1)
BELONGING = id_from(Prefix.ORGANIZATION_MEMBER, 1)
TEAM, ELSEWHERE, SIBLING = (id_from(Prefix.TEAM, number) for number in (1, 2, 3))
MEMBER = id_from(Prefix.TEAM_MEMBER, 1)
KEY, SERVICE = (id_from(Prefix.API_KEY, number) for number in (1, 2))
OF_ORGANIZATION, OF_TEAM, OF_KEY, PLAN, LOW, OF_SIBLING, OF_MEMBERS = (
    id_from(Prefix.BUDGET, number) for number in range(1, 8)
)
NOBODY = id_from(Prefix.USER, 9)
PERSONAL = id_from(Prefix.API_KEY, 3)
ENTRY = id_from(Prefix.AUDIT_ENTRY, 1)
CALLED_AT = datetime.now(UTC) - timedelta(hours=1)
DAY = CALLED_AT.date()
AHEAD = month_of(datetime.now(UTC).date(), 1)
EVENT, EVENT_OF_USER = event_id(CALLED_AT), event_id(CALLED_AT)
EARLIER = event_id(CALLED_AT - timedelta(milliseconds=1))
WHAT = ("gpt-5", "openai", "/v1/responses", ["a", "b"])
# Of a member's call, and of a user's own.
SUMMED, SUMMED_OF_USER = (
    dimensions_of(*whose, *WHAT).hex()
    for whose in ((KEY, USER, TEAM, ORGANIZATION), (PERSONAL, USER, None, None))
)
HEALTHY = f"""
    INSERT INTO organizations (id, name, name_key)
        VALUES ('{ORGANIZATION}', 'Acme', 'acme'), ('{OTHER}', 'Umbrella', 'umbrella');
    INSERT INTO users (id, name, name_key, email, email_key) VALUES
        ('{USER}', 'Ada', 'ada', 'Ada@example.com', 'ada@example.com'),
        ('{STRANGER}', 'Bob', 'bob', NULL, NULL);
    INSERT INTO organization_members (id, organization_id, user_id, role)
        VALUES ('{BELONGING}', '{ORGANIZATION}', '{USER}', 'ADMIN');
    INSERT INTO teams (id, organization_id, external_id, name, name_key, tags) VALUES
        ('{TEAM}', '{ORGANIZATION}', 'research', 'Straße', 'strasse', '{{one}}'),
        ('{ELSEWHERE}', '{DEFAULT_ORGANIZATION}', 'other', 'Other', 'other', '{{}}');
    INSERT INTO team_members (id, team_id, user_id, role)
        VALUES ('{MEMBER}', '{TEAM}', '{USER}', 'ADMIN');
    INSERT INTO api_keys (id, user_id, team_id, alias, alias_key, secret_hash, last_four, scopes,
            rotation_interval)
        VALUES
            ('{KEY}', '{USER}', '{TEAM}', 'CI', 'ci', sha256('one'), '1234', '{{MANAGE}}', '30d'),
            ('{SERVICE}', NULL, '{TEAM}', NULL, NULL, sha256('two'), '1234', '{{INFER}}', NULL);
    INSERT INTO access_groups (id, name, name_key, models)
        VALUES ('{GROUP}', 'Cheap', 'cheap', '{{gpt-mini,claude}}');
    UPDATE organizations SET models = '{{gpt-*,claude}}' WHERE id = '{ORGANIZATION}';
    UPDATE teams SET models = '{{group:Cheap}}', model_aliases = '{{"fast": "gpt-mini"}}'
        WHERE id = '{TEAM}';
    INSERT INTO access_group_uses (group_id, team_id) VALUES ('{GROUP}', '{TEAM}');
    INSERT INTO budgets (id, organization_id, max_budget, rpm_limit, duration, timezone)
        VALUES ('{OF_ORGANIZATION}', '{ORGANIZATION}', 500, 10, '1mo', 'Europe/Rome');
    INSERT INTO budgets (id, team_id, max_budget) VALUES ('{OF_TEAM}', '{TEAM}', 500);
    INSERT INTO budgets (id, api_key_id, max_budget, tpm_limit) VALUES ('{OF_KEY}', '{KEY}', 500, 9);
    INSERT INTO budgets (id, name, name_key, max_budget) VALUES
        ('{PLAN}', 'Gold', 'gold', 1000), ('{LOW}', 'Low', 'low', 1);
    INSERT INTO budget_attachments (plan_id, api_key_id) VALUES ('{LOW}', '{SERVICE}');
    INSERT INTO budget_attachments (plan_id, user_id) VALUES ('{PLAN}', '{USER}');
    INSERT INTO budget_schedules (organization_id, team_member_id, starts_at, duration, timezone)
        VALUES ('{ORGANIZATION}', NULL, '-infinity', '1d', 'UTC'),
            ('{ORGANIZATION}', NULL, now(), '1mo', 'Europe/Rome'),
            (NULL, '{MEMBER}', now(), NULL, 'UTC');
    INSERT INTO usage_events (id, at, recorded_at, request_id, api_key_id, user_id, team_id,
            team_member_id, organization_id, organization_member_id, model, provider, endpoint, tags,
            prompt_tokens, completion_tokens, cache_read_tokens, cache_creation_tokens, cost, success)
        VALUES
            ('{EVENT}', '{CALLED_AT}', '{CALLED_AT}', 'one', '{KEY}', '{USER}', '{TEAM}', '{MEMBER}',
                '{ORGANIZATION}', '{BELONGING}', 'gpt-5', 'openai', '/v1/responses', '{{b,a}}',
                1, 2, 3, 4, 2.5, true),
            ('{EVENT_OF_USER}', '{CALLED_AT}', '{CALLED_AT}', 'two', '{PERSONAL}', '{USER}', NULL,
                NULL, NULL, NULL, 'gpt-5', 'openai', '/v1/responses', '{{b,a}}', 1, 2, 3, 4, 1, false);
    INSERT INTO usage_requests (request_id, content_hash)
        VALUES ('one', sha256('one')), ('two', sha256('two'));
    INSERT INTO usage_days (day, dimensions, api_key_id, user_id, team_id, organization_id, model,
            provider, endpoint, tags, prompt_tokens, completion_tokens, cache_read_tokens,
            cache_creation_tokens, spend, requests, successes)
        VALUES
            ('{DAY}', '\\x{SUMMED}', '{KEY}', '{USER}', '{TEAM}', '{ORGANIZATION}', 'gpt-5', 'openai',
                '/v1/responses', '{{a,b}}', 1, 2, 3, 4, 2.5, 1, 1),
            ('{DAY}', '\\x{SUMMED_OF_USER}', '{PERSONAL}', '{USER}', NULL, NULL, 'gpt-5', 'openai',
                '/v1/responses', '{{a,b}}', 1, 2, 3, 4, 1, 1, 0);
    INSERT INTO lifetime_spends (holder_id, spend) VALUES ('{ELSEWHERE}', 0), ('{KEY}', 2.5),
        ('{MEMBER}', 2.5), ('{TEAM}', 3.5), ('{BELONGING}', 2.5), ('{ORGANIZATION}', 2.5),
        ('{PERSONAL}', 1), ('{USER}', 1);
    INSERT INTO usage_closings VALUES ('{TEAM}', '', '-infinity', '-infinity', 1);
    INSERT INTO spend_adjustments
        VALUES ('{TEAM}', '', '-infinity', '-infinity', now(), -0.5);
    INSERT INTO spends (holder_id, model, since, starts_at, ends_at, spend) VALUES
        ('{KEY}', '', '-infinity', '-infinity', 'infinity', 2.5),
        ('{KEY}', 'gpt-5', '-infinity', '-infinity', 'infinity', 1),
        ('{MEMBER}', '', '-infinity', '-infinity', 'infinity', 2.5),
        ('{TEAM}', '', '-infinity', '-infinity', 'infinity', 3),
        ('{BELONGING}', '', '-infinity', '-infinity', 'infinity', 2.5),
        ('{ORGANIZATION}', '', '-infinity', '{DAY} 00:00Z', '{DAY + timedelta(days=1)} 00:00Z', 2.5),
        ('{PERSONAL}', '', '-infinity', '-infinity', 'infinity', 0.75),
        ('{PERSONAL}', '', '-infinity', '{CALLED_AT}', 'infinity', 0.25),
        ('{USER}', '', '-infinity', '-infinity', 'infinity', 1);
"""
"""A bit of everything, as the rules want it."""

Found = tuple[str, str, str]
"""The check that finds it, the row that it names, and a part of what it says."""

BREAKS: dict[str, tuple[str, list[Found]]] = {
    "a team member who left the organization": (
        f"DELETE FROM organization_members WHERE id = '{BELONGING}'",
        [("team-members-in-organization", MEMBER, f"user {USER} of team {TEAM} is no member of")],
    ),
    "a team above its organization": (
        f"UPDATE budgets SET max_budget = 600, rpm_limit = 11 WHERE id = '{OF_TEAM}'",
        [
            ("team-limits-within-organization", TEAM, "max_budget 600.0000000000 is above"),
            (
                "team-limits-within-organization",
                TEAM,
                "rpm_limit 11 is above the organization's 10",
            ),
        ],
    ),
    "a team above its organization by a plan": (
        (
            f"DELETE FROM budgets WHERE id = '{OF_TEAM}';"
            f"INSERT INTO budget_attachments (plan_id, team_id) VALUES ('{PLAN}', '{TEAM}')"
        ),
        [("team-limits-within-organization", TEAM, "max_budget 1000.0000000000 is above")],
    ),
    "a team above its organization in a model": (
        (
            "INSERT INTO budget_model_limits (budget_id, model, rpm_limit)"
            f" VALUES ('{OF_TEAM}', 'gpt-5', 11)"
        ),
        [
            (
                "team-model-limits-within-organization",
                TEAM,
                "rpm_limit 11 of model gpt-5 is above the organization's 10",
            )
        ],
    ),
    "teams guaranteed more than their organization has": (
        (
            "INSERT INTO teams (id, organization_id, name, name_key)"
            f" VALUES ('{SIBLING}', '{ORGANIZATION}', 'Sibling', 'sibling');"
            f"INSERT INTO budgets (id, team_id, rpm_limit) VALUES ('{OF_SIBLING}', '{SIBLING}', 6);"
            f"INSERT INTO lifetime_spends VALUES ('{SIBLING}', 0);"
            f"UPDATE budgets SET rpm_limit = 5 WHERE id = '{OF_TEAM}';"
            "UPDATE teams SET rpm_limit_type = 'GUARANTEED'"
        ),
        [
            (
                "guarantees-within-organization",
                ORGANIZATION,
                "rpm_limit guaranteed below it is 11, above its 10",
            )
        ],
    ),
    "keys guaranteed more of a model than their team has": (
        (
            "INSERT INTO budget_model_limits (budget_id, model, tpm_limit)"
            f" VALUES ('{OF_TEAM}', 'gpt-5', 5), ('{OF_KEY}', 'gpt-5', 6);"
            f"UPDATE api_keys SET tpm_limit_type = 'GUARANTEED' WHERE id = '{KEY}'"
        ),
        [
            (
                "guarantees-within-team",
                TEAM,
                "tpm_limit of model gpt-5 guaranteed below it is 6, above its 5",
            )
        ],
    ),
    "a key whose user is not in its team": (
        (
            "ALTER TABLE api_keys DROP CONSTRAINT api_keys_team_id_user_id_fkey;"
            f"DELETE FROM team_members WHERE id = '{MEMBER}'"
        ),
        [
            ("key-user-in-team", KEY, f"user {USER} is no member of team {TEAM}"),
            ("api_keys-team_id-user_id", KEY, f"{TEAM} {USER} is not in team_members"),
            ("constraints-in-place", "api_keys", "api_keys_team_id_user_id_fkey is missing"),
        ],
    ),
    "a team whose models its organization does not allow": (
        f"UPDATE teams SET models = models || '{{o1,gpt-5}}' WHERE id = '{TEAM}'",
        [("team-models-within-organization", TEAM, "o1 is not within the models of its")],
    ),
    "a group that grew out of an organization's models": (
        f"UPDATE access_groups SET models = models || '{{o1}}' WHERE id = '{GROUP}'",
        [("team-models-within-organization", TEAM, "group:Cheap is not within the models")],
    ),
    "a group that nobody remembers": (
        f"UPDATE users SET models = '{{group:Cheap}}' WHERE id = '{USER}'",
        [
            (
                "users-groups-remembered",
                USER,
                "names groups ['Cheap'], but is remembered to name []",
            )
        ],
    ),
    "a group that is remembered and not named": (
        f"UPDATE teams SET models = '{{claude}}' WHERE id = '{TEAM}'",
        [("teams-groups-remembered", TEAM, "names groups [], but is remembered to name ['Cheap']")],
    ),
    "a model of a name that the API does not take": (
        f"UPDATE api_keys SET models = '{{a b}}' WHERE id = '{KEY}'",
        [("api_keys-models", KEY, "models.0: This must not contain white space")],
    ),
    "a group in a group": (
        f"UPDATE access_groups SET models = '{{group:x}}' WHERE id = '{GROUP}'",
        [
            ("access_groups-models", GROUP, "models.0: This must be a model or pattern, no access"),
            ("team-models-within-organization", TEAM, "group:Cheap is not within the models"),
        ],
    ),
    "an alias of a pattern": (
        f"""UPDATE teams SET model_aliases = '{{"a": "gpt-*"}}' WHERE id = '{TEAM}'""",
        [("teams-aliases", TEAM, "model_aliases.0.model: This must be one model, no pattern")],
    ),
    "an own budget beside a plan": (
        f"INSERT INTO budget_attachments (plan_id, api_key_id) VALUES ('{LOW}', '{KEY}')",
        [("own-budget-or-plan", OF_KEY, f"api_key_id {KEY} has plan {LOW} too")],
    ),
    "an attached budget that is no plan": (
        f"UPDATE budget_attachments SET plan_id = '{OF_TEAM}' WHERE plan_id = '{PLAN}'",
        [("attached-budgets-are-plans", OF_TEAM, "has no name")],
    ),
    "schedules that end with another duration, or another zone": (
        (
            f"UPDATE budgets SET timezone = 'UTC' WHERE id = '{OF_ORGANIZATION}';"
            "INSERT INTO budgets (id, default_of_team_id, duration)"
            f" VALUES ('{OF_MEMBERS}', '{TEAM}', '1d')"
        ),
        [
            (
                "schedules-in-force",
                ORGANIZATION,
                "ends with 1mo in Europe/Rome, but its budget has 1mo",
            ),
            ("schedules-in-force", MEMBER, "but its budget has 1d in UTC"),
        ],
    ),
    "no built-in organization": (
        (
            f"DELETE FROM teams WHERE id = '{ELSEWHERE}';"
            f"DELETE FROM organizations WHERE id = '{DEFAULT_ORGANIZATION}'"
        ),
        [("built-in-organization", DEFAULT_ORGANIZATION, "is missing")],
    ),
    "a name whose key is another's": (
        f"UPDATE teams SET name_key = 'straße' WHERE id = '{TEAM}'",
        [("teams-texts", TEAM, "name_key 'straße' is not the key of its text, 'strasse'")],
    ),
    "an e-mail whose key is another's": (
        f"UPDATE users SET email_key = 'Ada@example.com' WHERE id = '{USER}'",
        [("users-texts", USER, "email_key 'Ada@example.com' is not the key")],
    ),
    "an alias whose key is another's": (
        f"UPDATE api_keys SET alias_key = 'CI' WHERE id = '{KEY}'",
        [("api_keys-texts", KEY, "alias_key 'CI' is not the key")],
    ),
    "an alias of a deleted key whose key is another's": (
        f"INSERT INTO deleted_api_keys (id, alias, alias_key, state) SELECT '{KEY}', 'A', 'A', '{{}}'",
        [("deleted_api_keys-texts", KEY, "alias_key 'A' is not the key")],
    ),
    "a name of a deleted team whose key is another's": (
        (
            "INSERT INTO deleted_teams (id, organization_id, name, name_key, state)"
            f" VALUES ('{TEAM}', '{ORGANIZATION}', 'A', 'A', '{{}}')"
        ),
        [("deleted_teams-texts", TEAM, "name_key 'A' is not the key")],
    ),
    "a plan's name whose key is another's": (
        f"UPDATE budgets SET name_key = 'Gold' WHERE id = '{PLAN}'",
        [("budgets-texts", PLAN, "name_key 'Gold' is not the key")],
    ),
    "a group's name whose key is another's": (
        f"UPDATE access_groups SET name_key = 'Cheap' WHERE id = '{GROUP}'",
        [("access_groups-texts", GROUP, "name_key 'Cheap' is not the key")],
    ),
    "an external id of other characters": (
        f"UPDATE organizations SET external_id = 'a b' WHERE id = '{OTHER}'",
        [("organizations-texts", OTHER, "external_id: This must be 1 to 128 of the ASCII")],
    ),
    "a tag said twice": (
        f"UPDATE teams SET tags = '{{a,a}}' WHERE id = '{TEAM}'",
        [("teams-texts", TEAM, "tags: This must all be different")],
    ),
    "a description that cannot be read": (
        f"UPDATE teams SET description = E'a\\x07' WHERE id = '{TEAM}'",
        [("teams-texts", TEAM, "description: This must not contain control characters")],
    ),
    "a key without scopes": (
        f"UPDATE api_keys SET scopes = '{{}}' WHERE id = '{KEY}'",
        [("api_keys-texts", KEY, "scopes: This must name at least one scope")],
    ),
    "a permission of members said twice": (
        f"UPDATE teams SET member_permissions = '{{KEY_READ,KEY_READ}}' WHERE id = '{TEAM}'",
        [("teams-texts", TEAM, "member_permissions: This must all be different")],
    ),
    "keys of members that live for more than 100 years": (
        f"UPDATE teams SET member_key_duration = '101y' WHERE id = '{TEAM}'",
        [("teams-durations", TEAM, "member_key_duration '101y' must be at most 100 years")],
    ),
    "metadata that is no object": (
        f"UPDATE users SET metadata = '[]' WHERE id = '{USER}'",
        [("users-metadata", USER, "metadata must be an object")],
    ),
    "a period of more than 100 years": (
        f"UPDATE budgets SET duration = '101y' WHERE id = '{PLAN}'",
        [("budgets-durations", PLAN, "duration '101y' must be at most 100 years")],
    ),
    "a rotation of more than 100 years": (
        f"UPDATE api_keys SET rotation_interval = '5218w' WHERE id = '{KEY}'",
        [("api_keys-durations", KEY, "rotation_interval '5218w' must be at most")],
    ),
    "a time zone that is none": (
        f"UPDATE budgets SET timezone = 'Europe/Rom' WHERE id = '{PLAN}'",
        [("budgets-timezones", PLAN, "timezone 'Europe/Rom' does not exist")],
    ),
    "an id of another kind": (
        f"UPDATE organization_members SET id = '{MEMBER}'",
        [("organization_members-ids", MEMBER, "is no id of its kind")],
    ),
    "a number out of range": (
        (
            "ALTER TABLE budgets DROP CONSTRAINT budgets_tpm_limit_range_check;"
            f"UPDATE budgets SET tpm_limit = -1 WHERE id = '{PLAN}'"
        ),
        [
            ("budgets-constraints", PLAN, "breaks budgets_tpm_limit_range_check"),
            ("constraints-in-place", "budgets", "budgets_tpm_limit_range_check is missing"),
        ],
    ),
    "a budget of two owners": (
        (
            "ALTER TABLE budgets DROP CONSTRAINT budgets_one_owner_check;"
            f"UPDATE budgets SET user_id = '{STRANGER}' WHERE id = '{OF_TEAM}'"
        ),
        [
            ("budgets-constraints", OF_TEAM, "breaks budgets_one_owner_check"),
            ("constraints-in-place", "budgets", "budgets_one_owner_check is missing"),
        ],
    ),
    "a plan attached to nothing": (
        (
            "ALTER TABLE budget_attachments DROP CONSTRAINT budget_attachments_one_holder_check;"
            f"UPDATE budget_attachments SET user_id = NULL WHERE plan_id = '{PLAN}'"
        ),
        [
            ("budget_attachments-constraints", PLAN, "breaks budget_attachments_one_holder_check"),
            ("constraints-in-place", "budget_attachments", "one_holder_check is missing"),
        ],
    ),
    "a name that is null": (
        (
            "ALTER TABLE users ALTER COLUMN name DROP NOT NULL;"
            f"UPDATE users SET name = NULL, name_key = 'x' WHERE id = '{STRANGER}'"
        ),
        [
            ("users-constraints", STRANGER, "breaks name_not_null"),
            ("users-texts", STRANGER, "name_key 'x' is not the key of its text, None"),
        ],
    ),
    "a membership without its user": (
        (
            "ALTER TABLE organization_members DROP CONSTRAINT organization_members_user_id_fkey;"
            "INSERT INTO organization_members (id, organization_id, user_id, role) VALUES"
            f" ('{id_from(Prefix.ORGANIZATION_MEMBER, 2)}', '{OTHER}', '{NOBODY}', 'MEMBER')"
        ),
        [
            (
                "organization_members-user_id",
                id_from(Prefix.ORGANIZATION_MEMBER, 2),
                f"user_id {NOBODY} is not in users",
            ),
            ("constraints-in-place", "organization_members", "user_id_fkey is missing"),
        ],
    ),
    "two users of one e-mail": (
        (
            "ALTER TABLE users DROP CONSTRAINT users_email_key_key;"
            "UPDATE users SET email = 'ada@example.com', email_key = 'ada@example.com'"
        ),
        [
            ("users-unique-email_key", USER, "has the email_key of another row"),
            ("users-unique-email_key", STRANGER, "has the email_key of another row"),
            ("constraints-in-place", "users", "users_email_key_key is missing"),
        ],
    ),
    "two keys of one alias in a team": (
        (
            "DROP INDEX api_keys_team_id_alias_key_key;"
            f"UPDATE api_keys SET alias = 'ci', alias_key = 'ci' WHERE id = '{SERVICE}'"
        ),
        [
            ("api_keys-unique-team_id-alias_key", KEY, "of another row"),
            ("api_keys-unique-team_id-alias_key", SERVICE, "of another row"),
            ("constraints-in-place", "api_keys", "team_id_alias_key_key is missing"),
        ],
    ),
    "an application that may change the audit": (
        f"GRANT UPDATE ON audit_entries TO {APPLICATION}; GRANT DELETE ON audit_entries TO PUBLIC",
        [
            ("audit-append-only", "audit_entries", f"{APPLICATION} may UPDATE"),
            ("audit-append-only", "audit_entries", "PUBLIC may DELETE"),
        ],
    ),
    "an application that may change one column of the audit": (
        f"GRANT UPDATE (action) ON audit_entries TO {APPLICATION}",
        [("audit-append-only", "audit_entries", f"{APPLICATION} may UPDATE")],
    ),
    "an audit entry that was never written by the application": (
        f"""
        INSERT INTO audit_entries (id, action, object_id, position, previous_hash, hash)
        VALUES ('{ENTRY}', 'team.update', '{TEAM}', 2, sha256('one'), sha256('two'));
        """,
        [
            ("audit-chain", ENTRY, "is after a gap: entry 1 is gone"),
            ("audit-chain", ENTRY, "is not what was written"),
            ("audit-chain", "platform", "its head is at 0, its last entry at 2"),
        ],
    ),
    "an application without its rights": (
        f"REVOKE INSERT ON teams FROM {APPLICATION}",
        [("application-rights", "teams", f"{APPLICATION} may not INSERT")],
    ),
    "an application that may change the events of a month": (
        f"GRANT UPDATE ON {name_of('usage_events', DAY)} TO {APPLICATION}",
        [("audit-append-only", name_of("usage_events", DAY), f"{APPLICATION} may UPDATE")],
    ),
    "months that were not made": (
        f"DROP TABLE {name_of('usage_events', AHEAD)}, {name_of('usage_days', AHEAD)}",
        [
            ("months-made-ahead", name_of("usage_events", AHEAD), "run `bursar upkeep`"),
            ("months-made-ahead", name_of("usage_days", AHEAD), "is no partition of usage_days"),
        ],
    ),
    "an event of a team that names no organization": (
        (
            "UPDATE usage_events SET organization_id = NULL, organization_member_id = NULL"
            f" WHERE id = '{EVENT}'"
        ),
        [
            ("events-belong", EVENT, "names neither a user's own key nor a team's"),
            *(("days-of-events", f"{DAY} {KEY}", part) for part in (" spend -2.5", " spend 2.5")),
            ("lifetime-spends", ORGANIZATION, "-2.5000000000 less than its events come to"),
            ("lifetime-spends", BELONGING, "-2.5000000000 less than its events come to"),
            ("period-spends", ORGANIZATION, "is 2.5000000000, its events come to 0"),
            ("period-spends", BELONGING, "is 2.5000000000, its events come to 0"),
        ],
    ),
    "an event of another time than its id": (
        (f"UPDATE usage_events SET id = '{EARLIER}' WHERE id = '{EVENT}'"),
        [("events-found-by-id", EARLIER, "does not say that the call was at")],
    ),
    "a request that was recorded twice, and one that is forgotten": (
        "UPDATE usage_events SET request_id = 'three'",
        [
            ("events-once", EVENT, "has the request id of another event"),
            ("events-once", EVENT_OF_USER, "has the request id of another event"),
            ("events-remembered", EVENT, "its request id three is not remembered"),
            ("events-remembered", EVENT_OF_USER, "its request id three is not remembered"),
        ],
    ),
    "a day that lacks a request, and one that no event is of": (
        (
            "UPDATE usage_days SET requests = 0, successes = 0, prompt_tokens = 9"
            f" WHERE api_key_id = '{KEY}'; UPDATE usage_days SET model = 'o1', dimensions ="
            f" '\\x{dimensions_of(PERSONAL, USER, None, None, 'o1', *WHAT[1:]).hex()}'"
            f" WHERE api_key_id = '{PERSONAL}'"
        ),
        [
            (
                "days-of-events",
                f"{DAY} {KEY}",
                "events of model gpt-5 by requests -1 successes -1 prompt_tokens 8",
            ),
            ("days-of-events", f"{DAY} {PERSONAL}", "of model gpt-5 by spend -1.0000000000"),
            ("days-of-events", f"{DAY} {PERSONAL}", "of model o1 by spend 1.0000000000"),
        ],
    ),
    "a day that is known by something else": (
        (
            f"UPDATE usage_days SET dimensions = decode(repeat('00', 16), 'hex')"
            f" WHERE api_key_id = '{KEY}'"
        ),
        [("days-dimensions", f"{DAY} {KEY}", "its dimensions are not those of model gpt-5")],
    ),
    "a team without a row of what it spent": (
        f"DELETE FROM lifetime_spends WHERE holder_id = '{ELSEWHERE}'",
        [("teams-have-spends", ELSEWHERE, "has no row of what it ever spent")],
    ),
    "spend that no event came to": (
        (
            f"UPDATE lifetime_spends SET spend = 2.4999999999 WHERE holder_id = '{MEMBER}';"
            f"UPDATE spends SET spend = 2.6 WHERE holder_id = '{MEMBER}';"
            f"UPDATE spends SET spend = 2.6 WHERE holder_id = '{KEY}' AND model = 'gpt-5';"
            f"DELETE FROM spends WHERE holder_id = '{TEAM}'"
        ),
        [
            ("lifetime-spends", MEMBER, "what it ever spent is 0.0000000001 less"),
            ("period-spends", MEMBER, "from ever is 2.6000000000, its events come to 2.5"),
            ("period-spends", KEY, "of model gpt-5 from ever is 2.6000000000, its events come"),
            ("period-spends", TEAM, "its spend from ever is missing, its events come to 3.0"),
        ],
    ),
    "a closing that says more than was spent": (
        "UPDATE usage_closings SET spend = 2",
        [
            ("lifetime-spends", TEAM, "what it ever spent is 1.0000000000 less"),
            ("period-spends", TEAM, "is 3.0000000000, its events come to 4.0000000000"),
        ],
    ),
    "a period that ends too late, and one of no schedule": (
        (
            "UPDATE spends SET ends_at = ends_at + interval '1 day'"
            f" WHERE holder_id = '{ORGANIZATION}';"
            f"UPDATE spends SET since = '2026-01-01Z' WHERE holder_id = '{BELONGING}'"
        ),
        [
            ("period-spends", ORGANIZATION, "is no period of its schedule"),
            ("period-spends", BELONGING, "is no period of its schedule"),
            ("period-spends", BELONGING, "is 2.5000000000, its events come to 0"),
            ("period-spends", BELONGING, "its spend from ever is missing"),
        ],
    ),
    "periods of what was deleted that do not add up": (
        f"UPDATE spends SET spend = 0.5 WHERE holder_id = '{PERSONAL}' AND starts_at > '-infinity'",
        [("deleted-spends", PERSONAL, "its periods are 0.2500000000 more than what it ever spent")],
    ),
    "a trigger that nobody knows": (
        (
            "CREATE TRIGGER surprise BEFORE UPDATE ON teams FOR EACH ROW"
            " EXECUTE FUNCTION suppress_redundant_updates_trigger()"
        ),
        [("triggers-enabled", "teams", "surprise is disabled or not Bursar's")],
    ),
}
