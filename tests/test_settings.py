"""Settings: what the environment gives, what stops a start, and what nobody gets to see."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from bursar.domain.new_teams import NewTeams
from bursar.environment import BadSettings, load, shown, without_settings
from bursar.settings import Settings, variable

LONG = "0123456789abcdefghijklmnopqrstuv"
URL = "postgresql://bursar:pa55word@db.example:5432/bursar"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in os.environ:
        if name.startswith("BURSAR_") or name == "DATABASE_URL":
            monkeypatch.delenv(name)
    return monkeypatch


def refusal() -> str:
    with pytest.raises(BadSettings) as refused:
        load()
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_nothing_given_is_enough() -> None:
    settings = load()
    assert (settings.host, settings.port, settings.pool_size) == ("127.0.0.1", 8080, None)
    assert settings.admin_key is None
    assert settings.pepper is None
    assert settings.model_fields_set == set()


def test_root_keeps_data_where_a_service_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert load().data_dir == Path("/var/lib/bursar")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_DATA_HOME", "/home/ada/.local/share")
    assert load().data_dir.name == "bursar"
    assert load().data_dir != Path("/var/lib/bursar")


def test_the_environment_is_read(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_PORT", "0")
    environment.setenv("BURSAR_DATA_DIR", "/data")
    environment.setenv("BURSAR_PEPPER", f"{LONG}, {LONG[::-1]}")
    environment.setenv("DATABASE_URL", URL)
    settings = load()
    assert (settings.port, settings.data_dir) == (0, Path("/data"))
    assert [pepper.get_secret_value() for pepper in settings.pepper or ()] == [LONG, LONG[::-1]]
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == URL


def test_what_new_teams_have_is_read_as_the_api_reads_it(environment: pytest.MonkeyPatch) -> None:
    assert load().new_teams == NewTeams()
    environment.setenv("BURSAR_SELF_SERVICE_TEAMS", "true")
    environment.setenv("BURSAR_NEW_TEAM_MAX_BUDGET", "0.10")
    environment.setenv("BURSAR_NEW_TEAM_BUDGET_DURATION", "1mo")
    environment.setenv("BURSAR_NEW_TEAM_RPM_LIMIT", "0")
    budget = {"max_budget": Decimal("0.1"), "duration": "1mo", "rpm_limit": 0}
    assert load().new_teams == NewTeams(self_service=True, budget=budget)
    assert load(new_team_max_budget=Decimal(7)).new_teams.budget["max_budget"] == 7


def test_an_option_comes_before_the_environment(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_PORT", "9000")
    assert load(port=9001).port == 9001


def test_an_empty_variable_counts_as_not_given(environment: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        environment.setenv(variable(name), "")
    assert load() == Settings()
    assert load().model_fields_set == set()


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("BURSAR_PROT", "BURSAR_PORT"),
        ("BURSAR_DATADIR", "BURSAR_DATA_DIR"),
        ("BURSAR_DATABASE_URL", "DATABASE_URL"),
        ("BURSAR_ADMINKEY", "BURSAR_ADMIN_KEY"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(
    environment: pytest.MonkeyPatch, name: str, nearest: str
) -> None:
    environment.setenv(name, "x")
    assert refusal() == f"{name}: unknown setting, did you mean {nearest}?"


def test_an_unknown_name_like_no_other_is_told(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_XYZZY", "x")
    assert refusal() == "BURSAR_XYZZY: unknown setting"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BURSAR_PORT", "65536"),
        ("BURSAR_PORT", "-1"),
        ("BURSAR_PORT", "http"),
        ("BURSAR_WORKERS", "0"),
        ("BURSAR_WORKERS", "65"),
        ("BURSAR_POOL_SIZE", "0"),
        ("BURSAR_POOL_SIZE", "201"),
        ("BURSAR_STATEMENT_CACHE", "10001"),
        ("BURSAR_LOG_LEVEL", "loud"),
        ("BURSAR_TRUSTED_DOCUMENTS", "some"),
        ("BURSAR_TRUSTED_PROXIES", "*"),
        ("BURSAR_TRUSTED_PROXIES", "10.0.0.1,proxy.example"),
        ("BURSAR_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("BURSAR_CORS_ORIGINS", "*"),
        ("BURSAR_CORS_ORIGINS", "https://*.example"),
        ("BURSAR_CORS_ORIGINS", "https://one.example/"),
        ("BURSAR_CORS_ORIGINS", "https://ONE.example"),
        ("BURSAR_CORS_ORIGINS", "https://one.example:443"),
        ("BURSAR_CORS_ORIGINS", "one.example"),
        ("BURSAR_MAX_COST_PER_MINUTE", "59"),
        ("BURSAR_DRAIN_SECONDS", "61"),
        ("BURSAR_STOP_SECONDS", "nan"),
        ("BURSAR_MAX_BODY_BYTES", "1048577"),
        ("BURSAR_SELF_SERVICE_TEAMS", "maybe"),
        ("BURSAR_NEW_TEAM_MAX_BUDGET", "1e3"),
        ("BURSAR_NEW_TEAM_MAX_BUDGET", "-1"),
        ("BURSAR_NEW_TEAM_MAX_BUDGET", "NaN"),
        ("BURSAR_NEW_TEAM_BUDGET_DURATION", "1 month"),
        ("BURSAR_NEW_TEAM_TPM_LIMIT", "-1"),
        ("BURSAR_NEW_TEAM_MODELS", "gpt-5,,gemini"),
        ("BURSAR_NEW_TEAM_MODELS", "gpt-5,gpt-5"),
        ("BURSAR_NEW_TEAM_MODELS", "group:cheap"),
        ("BURSAR_NEW_TEAM_RPM_LIMIT", "4611686018427387905"),
        ("BURSAR_ADMIN_KEY", LONG[:31]),
        ("BURSAR_ADMIN_KEY", "x" * 513),
        ("BURSAR_ADMIN_KEY", f"{LONG} {LONG}"),
        ("BURSAR_ADMIN_KEY", f"{LONG}é"),
        ("BURSAR_PEPPER", LONG[:31]),
        ("BURSAR_PEPPER", f"{LONG},{LONG[:31]}"),
        ("BURSAR_PEPPER", f"{LONG},"),
        ("DATABASE_URL", "mysql://bursar:pa55word@db.example/bursar"),
        ("DATABASE_URL", "postgresql+asyncpg://bursar:pa55word@db.example/bursar"),
        ("DATABASE_URL", "postgresql://bursar:pa/55word@db.example/bursar"),
        ("DATABASE_URL", "postgresql://bursar:pa@55word@db.example/bursar"),
        ("DATABASE_URL", "postgresql://db.example:port/bursar"),
    ],
)
def test_a_bad_value_is_told_by_name_and_a_secret_is_not(
    environment: pytest.MonkeyPatch, name: str, value: str
) -> None:
    environment.setenv(name, value)
    told = refusal()
    assert told.startswith(f"{name}: ")
    assert LONG[:31] not in told
    assert "55word" not in told


@pytest.mark.parametrize(
    "url",
    [
        "postgres://db.example/bursar",
        "postgresql:///bursar?host=/run/postgresql",
        "postgresql://bursar:p%40ss@[::1]:5432/bursar?sslmode=require",
        "postgresql://bursar@one.example:5432,two.example:5433/bursar",
    ],
)
def test_an_address_of_postgresql_is_taken(environment: pytest.MonkeyPatch, url: str) -> None:
    environment.setenv("BURSAR_PEPPER", LONG)
    environment.setenv("DATABASE_URL", url)
    assert load().database_url


def test_all_that_is_wrong_is_told_at_once(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_PROT", "1")
    environment.setenv("BURSAR_PORT", "http")
    environment.setenv("BURSAR_ADMIN_KEY", "short")
    told = refusal()
    assert all(name in told for name in ("BURSAR_PROT", "BURSAR_PORT", "BURSAR_ADMIN_KEY"))


def test_a_database_of_ones_own_demands_a_pepper(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", URL)
    assert refusal() == "BURSAR_PEPPER: must be given with DATABASE_URL"


def test_an_owner_is_given_for_a_database_of_ones_own_only(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("BURSAR_OWNER_DATABASE_URL", URL)
    assert refusal() == "BURSAR_OWNER_DATABASE_URL: must be given with DATABASE_URL"
    environment.setenv("DATABASE_URL", URL)
    environment.setenv("BURSAR_PEPPER", LONG)
    assert shown(load(), "owner_database_url") == shown(load(), "database_url")


def test_proxies_and_origins_are_lists(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_TRUSTED_PROXIES", "10.0.0.0/8, ::1")
    environment.setenv("BURSAR_CORS_ORIGINS", "https://one.example,http://[::1]:3000")
    assert load().trusted_proxies == ["10.0.0.0/8", "::1"]
    assert load().cors_origins == ["https://one.example", "http://[::1]:3000"]


def test_trust_needs_a_manifest(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_TRUSTED_DOCUMENTS", "only")
    told = "BURSAR_TRUSTED_DOCUMENTS_FILE: must be given with BURSAR_TRUSTED_DOCUMENTS"
    assert refusal() == told
    environment.setenv("BURSAR_TRUSTED_DOCUMENTS_FILE", "documents.json")
    assert load().trusted_documents == "only"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        (URL, "postgresql://bursar:***@db.example:5432/bursar"),
        ("postgres://h/d?user=u&password=x", "postgres://h/d?user=u&password=***"),
        ("postgres://u:x@h/d?sslpassword=y&a=b", "postgres://u:***@h/d?sslpassword=***&a=b"),
        ("postgres://u@h:5432/d", "postgres://u@h:5432/d"),
    ],
)
def test_of_an_address_the_password_is_masked(
    environment: pytest.MonkeyPatch, url: str, masked: str
) -> None:
    environment.setenv("BURSAR_PEPPER", LONG)
    environment.setenv("DATABASE_URL", url)
    assert shown(load(), "database_url") == masked


def test_secrets_are_shown_to_nobody(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("BURSAR_ADMIN_KEY", LONG)
    environment.setenv("BURSAR_PEPPER", f"{LONG},{LONG}")
    environment.setenv("DATABASE_URL", URL)
    environment.setenv("BURSAR_OWNER_DATABASE_URL", URL)
    settings = load()
    everything = "".join(shown(settings, name) for name in Settings.model_fields) + repr(settings)
    assert LONG not in everything
    assert "pa55word" not in everything
    assert shown(settings, "port") == "8080"


def test_an_environment_without_settings_has_none_however_its_name_is_written() -> None:
    given = ["BURSAR_PEPPER", "bursar_admin_key", "DATABASE_URL", "database_url", "PATH", "PGHOST"]
    assert without_settings(dict.fromkeys(given, "x")) == {"PATH": "x", "PGHOST": "x"}


def test_settings_do_not_change() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1


def test_every_setting_is_described_in_a_sentence_and_in_the_readme() -> None:
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    for name, field in Settings.model_fields.items():
        assert (field.description or "").endswith(".")
        assert f"`{variable(name)}`" in readme
