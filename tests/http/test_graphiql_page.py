"""GraphiQL for a browser: built or not, every byte comes from here and says how it may be used."""

import gzip
import re
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.responses import Response as Answer
from starlette.routing import Route

from bursar.http import graphiql_page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
INDEX = '<!doctype html><script type="module" src="/graphql/assets/main-1a2b.js"></script>'
FOREIGN = re.compile(r"""(?:(?:src|href|action)=|url\(|@import)\s*["']?(?:\w+:)?//.*""")


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "graphiql"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets/main-1a2b.js").write_text("export {};")
    (folder / "assets/main-1a2b.css").write_text("body {}")
    (folder / "assets/icons-1a2b.ttf").write_bytes(b"\0\1\0\0")
    (tmp_path / "pepper").write_text("secret")
    return folder


async def get(
    built: Path, path: str = "/graphql", accept: str = BROWSER, **headers: str
) -> Response:
    def endpoint(request: Request) -> Answer:
        if graphiql_page.asks_for_page(request):
            return graphiql_page.page(request, built)
        return PlainTextResponse("GraphQL")

    app = Starlette(routes=[graphiql_page.assets(built), Route("/graphql", endpoint)])
    transport = ASGITransport(app=app)
    async with AsyncClient(transport=transport, base_url="http://bursar.test") as client:
        return await client.get(path, headers={"Accept": accept, **headers})


async def test_a_browser_gets_the_built_page(built: Path) -> None:
    answer = await get(built)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == INDEX


@pytest.mark.parametrize(
    "accept", ["*/*", "", "application/json", "application/graphql-response+json", "text/*"]
)
async def test_a_client_that_does_not_name_html_gets_graphql(built: Path, accept: str) -> None:
    assert (await get(built, accept=accept)).text == "GraphQL"


async def test_without_built_files_the_page_says_how_to_build_them_and_to_query(
    tmp_path: Path,
) -> None:
    answer = await get(tmp_path / "missing", "/graphql?query=%3Cscript%3E")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "make graphiql" in answer.text
    assert "curl http://bursar.test/graphql \\\n" in answer.text
    assert "<script" not in answer.text


async def test_without_built_files_an_asset_is_not_found(tmp_path: Path) -> None:
    answer = await get(tmp_path / "missing", "/graphql/assets/main-1a2b.js")
    assert answer.status_code == 404


@pytest.mark.parametrize("is_built", [True, False])
async def test_the_page_may_load_from_and_talk_to_its_own_server_only(
    built: Path, tmp_path: Path, is_built: bool
) -> None:
    headers = (await get(built if is_built else tmp_path / "missing")).headers
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in headers["content-security-policy"].split(";")
    )
    sources = {source for sources in policy.values() for source in sources.split()}
    assert sources == {"'self'", "'none'", "'unsafe-inline'", "data:"}
    assert policy["default-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "'unsafe-inline'" not in policy.get("script-src", policy["default-src"])
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-cache"
    assert headers["vary"] == "Accept"


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("main-1a2b.js", "text/javascript; charset=utf-8"),
        ("main-1a2b.css", "text/css; charset=utf-8"),
        ("icons-1a2b.ttf", "font/ttf"),
    ],
)
async def test_an_asset_has_its_type_and_is_kept_for_ever(
    built: Path, name: str, media_type: str
) -> None:
    answer = await get(built, f"/graphql/assets/{name}")
    assert answer.status_code == 200
    assert answer.content == (built / "assets" / name).read_bytes()
    assert answer.headers["content-type"] == media_type
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_browser_that_takes_gzip_gets_what_the_build_made_of_an_asset(built: Path) -> None:
    path = "/graphql/assets/main-1a2b.js"
    (built / "assets/main-1a2b.js.gz").write_bytes(gzip.compress(b"export {};"))
    small, plain = [
        await get(built, path, **{"Accept-Encoding": accepted})
        for accepted in ("gzip, deflate, br", "gzip;q=0")
    ]
    assert small.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert small.content == plain.content == b"export {};"
    assert small.headers["etag"] != plain.headers["etag"]
    for answer in (small, plain):
        assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
        assert answer.headers["vary"] == "Accept-Encoding"
    again = await get(built, path, **{"If-None-Match": small.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["..%2Findex.html", "%2e%2e/%2e%2e/pepper", "%2Fetc/passwd", "%00", ""]
)
async def test_nothing_outside_the_assets_is_served(built: Path, path: str) -> None:
    answer = await get(built, f"/graphql/assets/{path}")
    assert answer.status_code == 404


async def test_the_pages_refer_to_no_other_host(tmp_path: Path) -> None:
    source = Path(__file__).parents[2] / "web/graphiql"
    ours = [path for path in source.iterdir() if path.suffix in {".html", ".css", ".js", ".jsx"}]
    assert source / "index.html" in ours
    texts = [path.read_text() for path in ours]
    texts.append((await get(tmp_path / "missing")).text)
    if graphiql_page.BUILT.is_dir():
        built = [graphiql_page.BUILT / "index.html", *graphiql_page.BUILT.glob("assets/*.css")]
        texts += [path.read_text() for path in built]
    assert FOREIGN.search('<img src="//elsewhere.test/a.png">')
    assert [found for text in texts for found in FOREIGN.findall(text)] == []
