"""The built cockpit: its files, and its page for every route that the cockpit itself knows."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from forkpoint_server.endpoints.requests import Handler
from forkpoint_server.errors import NotFound
from forkpoint_server.security.headers import cockpit_policy, make_nonce

NONCE_MARK = "__CSP_NONCE__"
"""Stands in the built page (Vite's `html.cspNonce`) where the nonce of a response goes."""
PAGES = (
    "/",
    "/runs",
    "/runs/{rest:path}",
    "/diff/{rest:path}",
    "/cohort/{rest:path}",
    "/incidents",
    "/incidents/{rest:path}",
    "/settings",
    "/settings/{rest:path}",
    "/replays/{rest:path}",
    "/sign-in",
)
_YEAR = "public, max-age=31536000, immutable"
_ABSENT = (
    "<!doctype html><title>Forkpoint</title><link rel=icon href=data:,><p>The cockpit is not built "
    "here: run <code>make cockpit</code>. The API is at <code>/graphql</code>."
)


def cockpit_folder(chosen: Path | None) -> Path | None:
    """The built files: chosen, packaged, or of a checkout; None if nothing is built."""
    package = Path(__file__).parents[1]
    places = (chosen,) if chosen else (package / "dist", package.parents[1] / "cockpit" / "dist")
    return next((place for place in places if (place / "index.html").is_file()), None)


class Cockpit:
    """Serves one folder. Only files that were there at the start are ever opened."""

    def __init__(self, folder: Path | None) -> None:
        self._page = (folder / "index.html").read_text() if folder else _ABSENT
        self._files = (
            {
                path.relative_to(folder).as_posix(): path
                for path in folder.rglob("*")
                if path.is_file() and path.name != "index.html"
            }
            if folder
            else {}
        )

    def pages(self) -> list[tuple[str, Handler]]:
        """Paths and what answers them: the page under every route of the cockpit, then files."""
        return [*((path, self.page) for path in PAGES), ("/{file:path}", self.file)]

    async def page(self, request: Request) -> Response:
        """The page with a nonce of its own; never cached."""
        nonce = make_nonce()
        return Response(
            self._page.replace(NONCE_MARK, nonce),
            media_type="text/html",
            headers={
                "content-security-policy": cockpit_policy(nonce),
                "cache-control": "no-store",
            },
        )

    async def file(self, request: Request) -> Response:
        """A built file; those with a digest in their name are cached for ever."""
        name = request.path_params["file"]
        path = self._files.get(name)
        if path is None or not path.is_file():  # built anew since: the page names other files
            raise NotFound("page")
        cache = _YEAR if name.startswith("assets/") else "no-cache"
        return FileResponse(path, headers={"cache-control": cache})
