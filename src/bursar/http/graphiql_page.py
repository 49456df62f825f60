"""GraphiQL for a browser at the endpoint's own address, from the package's files alone."""

import html
import os
from pathlib import Path
from string import Template

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bursar.http.compression import takes_gzip

BUILT = Path(__file__).with_name("graphiql")

# Monaco sets style elements while it runs and draws with data: images; all else is the page's own.
PAGE_HEADERS = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": (
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        "font-src 'self' data:; worker-src 'self'; connect-src 'self'; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "Vary": "Accept",
    "X-Content-Type-Options": "nosniff",
}

ASSET_HEADERS = {
    "Cache-Control": "public, max-age=31536000, immutable",
    "Content-Security-Policy": "frame-ancestors 'none'",  # a worker runs by its own file's policy
    "Vary": "Accept-Encoding",
    "X-Content-Type-Options": "nosniff",
}

# Not every machine's table has them, and nosniff makes a browser refuse what is served as another.
ASSET_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".ttf": "font/ttf",
}

NOT_BUILT = Template("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Bursar · GraphQL</title>
<link rel="icon" href="data:,">
<style>
  body { max-width: 42rem; margin: 12vh auto; padding: 0 1.5rem; font: 16px/1.6 system-ui }
  pre { padding: 1rem; overflow-x: auto; border: 1px solid #8886; border-radius: 8px }
</style>
<h1>Bursar answers GraphQL here</h1>
<p>GraphiQL, the explorer for a browser, is not built in this installation. From a clone of the
repository build it, then reload this page:</p>
<pre>make graphiql</pre>
<p>Any GraphQL client works without it:</p>
<pre>curl $url \\
  -H 'Authorization: Bearer bk_…' \\
  -H 'Content-Type: application/json' \\
  -d '{"query": "{ viewer { user { id name } platformRole } }"}'</pre>
</html>
""")


def asks_for_page(request: Request) -> bool:
    """Whether a browser asks: a GET or HEAD whose Accept names text/html.

    A client that takes anything (`*/*`) or nothing in particular is no browser.
    """
    ranges = request.headers.get("accept", "").split(",")
    named = {media_range.partition(";")[0].strip().lower() for media_range in ranges}
    return request.method in {"GET", "HEAD"} and "text/html" in named


def page(request: Request, built: Path = BUILT) -> Response:
    """The page that asks for an API key and opens GraphiQL; not built, how to build it."""
    index = built / "index.html"
    if index.is_file():
        return HTMLResponse(index.read_bytes(), headers=PAGE_HEADERS)
    url = html.escape(str(request.url.replace(query="", fragment="")))
    return HTMLResponse(NOT_BUILT.substitute(url=url), headers=PAGE_HEADERS)


def assets(built: Path = BUILT) -> Mount:
    """The route of the page's scripts, styles, workers and fonts.

    Their names hold a hash of their content, so a browser may keep each for ever. Beside each lies
    what the build made of it by gzip.
    """
    return Mount("/graphql/assets", _Assets(directory=built / "assets", check_dir=False))


class _Assets(StaticFiles):
    async def check_config(self) -> None:
        """Accept a missing folder, which Starlette faults: not built, each file is a plain 404."""

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,
    ) -> Response:
        media_type = ASSET_TYPES.get(Path(full_path).suffix)
        gzip = Path(f"{full_path}.gz")
        is_gzip = takes_gzip(Headers(scope=scope).get("accept-encoding")) and gzip.is_file()
        if is_gzip:
            full_path, stat_result = gzip, gzip.stat()
        response = super().file_response(full_path, stat_result, scope, status_code)
        response.headers.update(ASSET_HEADERS)
        if is_gzip:
            response.headers["content-encoding"] = "gzip"
        if media_type is not None and "content-type" in response.headers:
            response.headers["content-type"] = media_type
        return response
