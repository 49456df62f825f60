"""Pages of other sites: none may read an answer but those of listed origins; no page frames one."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import httpx2
import pytest

from api_client import Api
from factories import Factory

OURS = "https://dashboard.example"
PREFLIGHT = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type",
}
TYPENAME = {"query": "{ __typename }"}

Serve = Callable[..., AbstractAsyncContextManager[httpx2.AsyncClient]]


def allowed(answer: httpx2.Response) -> dict[str, str]:
    return {
        name: value
        for name, value in answer.headers.items()
        if name.startswith("access-control") and name != "access-control-expose-headers"
    }


@pytest.mark.parametrize("listed", [None, [OURS]])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "*",
        "",
        OURS + ".evil.example",
        "https://evil-dashboard.example",
        OURS + ":8443",
        OURS + "/",
        OURS.upper(),
        "http://dashboard.example",
        f"{OURS}, https://evil.example",
    ],
)
async def test_no_other_origin_is_let_in(
    serve: Serve, make: Factory, listed: list[str] | None, origin: str
) -> None:
    person = await make.person()
    key = {"Authorization": f"Bearer {person.secret}"}
    async with serve(cors_origins=listed) as caller:
        asked = await caller.options("/graphql", headers={"Origin": origin, **PREFLIGHT})
        assert (asked.status_code, allowed(asked)) == (405, {})
        answer = await caller.post("/graphql", json=TYPENAME, headers={"Origin": origin, **key})
        assert allowed(answer) == {}
        assert answer.json() == {"data": {"__typename": "Query"}}  # not for the page to read


async def test_pages_of_a_listed_origin_may_call_with_a_key_and_no_cookie(
    serve: Serve, make: Factory
) -> None:
    person = await make.person()
    async with serve(cors_origins=["https://first.example", OURS]) as caller:
        asked = await caller.options("/graphql", headers={"Origin": OURS, **PREFLIGHT})
        assert asked.status_code == 200
        assert allowed(asked) == {
            "access-control-allow-origin": OURS,
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": "authorization, content-type, idempotency-key, "
            "on-behalf-of, x-request-id",
            "access-control-max-age": "600",
        }
        for key, status in (({"Authorization": f"Bearer {person.secret}"}, 200), ({}, 401)):
            answer = await caller.post("/graphql", json=TYPENAME, headers={"Origin": OURS, **key})
            assert answer.status_code == status
            assert allowed(answer) == {"access-control-allow-origin": OURS}
            assert answer.headers["Vary"] == "Origin"
            assert "retry-after" in answer.headers["Access-Control-Expose-Headers"]
        twice = [("Origin", OURS), ("Origin", "https://evil.example")]
        assert allowed(await caller.post("/graphql", json=TYPENAME, headers=twice)) == {}
        elsewhere = await caller.options("/usage", headers={"Origin": OURS, **PREFLIGHT})
        assert allowed(elsewhere) == {}


@pytest.mark.parametrize(
    ("method", "path", "media_type"),
    [
        ("POST", "/graphql", "application/x-www-form-urlencoded"),
        ("POST", "/graphql", "multipart/form-data; boundary=x"),
        ("POST", "/graphql", "text/plain"),
        ("POST", "/graphql", "application/json-evil"),
        ("POST", "/graphql", "application/json, text/plain"),
        ("GET", "/graphql?query={__typename}", "application/json"),
        ("GET", "/graphql?query=mutation{teamsDelete(input:{ids:[]}){errors{code}}}", ""),
    ],
)
async def test_what_a_page_can_send_without_being_asked_for_is_refused(
    api: Api, make: Factory, method: str, path: str, media_type: str
) -> None:
    """Even were the browser to send a key along, which it does for no header."""
    admin = await make.admin()
    before = await api.fingerprint()
    headers = {
        "Content-Type": media_type,
        "Origin": "https://evil.example",
        "Sec-Fetch-Site": "cross-site",
        "Authorization": f"Bearer {admin.secret}",
    }
    answer = await api.http.request(method, path, content=b"query=", headers=headers)
    assert answer.status_code == (405 if method == "GET" else 415)
    assert await api.fingerprint() == before


@pytest.mark.parametrize(
    "path", ["/graphql", "/healthz", "/usage", "/nothing", "/graphql/assets/x"]
)
async def test_no_answer_is_framed_sniffed_or_kept(api: Api, path: str) -> None:
    for answer in (await api.http.get(path), await api.http.post(path)):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
