"""The local pages over a project: which address shows what. Loopback, and one token, as the review page.

A handler reads files of runs, never locks them, and renders one template. Addresses are what people share: a run is
named by its path, `/run/runs/loop`, and what belongs to it stands behind `/-/`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rlaif.errors import RlaifError
from rlaif.review.app import ASSETS, ReviewPages, theme_of
from rlaif.review.environment import PAGES, page_environment
from rlaif.review.guard import Guard
from rlaif.review.view import project_pages, run_pages
from rlaif.review.view.catalogue import RunCard
from rlaif.review.view.live import list_stamp, standing
from rlaif.review.view.viewer import Viewer, shell

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response


def make_view(viewer: Viewer) -> Starlette:
    """The application; `rlaif.workflows.view.serve` runs it."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.routing import Route

    pages = Pages(viewer)
    run = "/run/{run:path}"
    # what is more particular comes first: a run's path takes all that is left
    return Starlette(
        routes=[
            Route("/", pages.runs),
            Route("/live", pages.changed),
            Route("/compare", pages.compare),
            Route("/constitutions", pages.constitutions),
            Route("/constitution/{digest}", pages.constitution),
            Route("/assets/{name}", pages.asset),
            Route(f"{run}/-/live", pages.live),
            Route(f"{run}/-/samples", pages.samples),
            Route(f"{run}/-/sample/{{place:int}}", pages.sample),
            Route(f"{run}/-/call/{{key}}", pages.call),
            Route(f"{run}/-/pairs", pages.reviewed("listed")),
            Route(f"{run}/-/pair/{{place:int}}", pages.reviewed("shown")),
            Route(f"{run}/-/pair-id/{{id}}", pages.reviewed("found")),
            Route(f"{run}/-/say", pages.reviewed("said"), methods=["POST"]),
            Route(f"{run}/-/decisions.jsonl", pages.reviewed("exported")),
            Route(f"{run}/-/training", pages.training),
            Route(f"{run}/-/audit", pages.audit),
            Route(f"{run}/-/constitution", pages.rules_of_run),
            Route(f"{run}/-/configuration", pages.configuration),
            Route(run, pages.overview),
        ],
        middleware=[Middleware(Guard, token=viewer.token)],
    )


class Pages:
    """The answers to each address."""

    def __init__(self, viewer: Viewer) -> None:
        self.viewer = viewer
        self.templates = page_environment()

    def runs(self, request: Request) -> Response:
        """All runs of the project."""
        return self._page(
            request, "runs.html.j2", None, "runs", project_pages.runs(self.viewer, request.query_params)
        )

    def overview(self, request: Request) -> Response:
        """A run's first page."""
        return self._of_run(request, "overview.html.j2", "overview", run_pages.overview)

    def samples(self, request: Request) -> Response:
        """The prompts of a run."""
        return self._of_run(request, "samples.html.j2", "samples", run_pages.samples)

    def sample(self, request: Request) -> Response:
        """One prompt with its completions and all that was said of them."""
        return self._of_run(request, "sample.html.j2", "samples", run_pages.sample)

    def call(self, request: Request) -> Response:
        """One call of a model: what was sent, what came back."""
        return self._of_run(request, "call.html.j2", "samples", run_pages.call)

    def training(self, request: Request) -> Response:
        """The curves of a run's trainings."""
        return self._of_run(request, "training.html.j2", "training", run_pages.training)

    def audit(self, request: Request) -> Response:
        """The audit of a run, worked out when it is first asked for."""
        return self._of_run(request, "audit.html.j2", "audit", run_pages.audit)

    def configuration(self, request: Request) -> Response:
        """Everything that made a run."""
        return self._of_run(request, "configuration.html.j2", "configuration", run_pages.configuration)

    def rules_of_run(self, request: Request) -> Response:
        """The constitution that a run was judged by."""
        return self._of_run(request, "constitution.html.j2", "constitution", run_pages.rules_of_run)

    def compare(self, request: Request) -> Response:
        """Two runs beside each other."""
        found = project_pages.compare(self.viewer, request.query_params)
        return self._page(request, "compare.html.j2", None, "compare", found)

    def constitutions(self, request: Request) -> Response:
        """Every version of every constitution."""
        found = project_pages.constitutions(self.viewer)
        return self._page(request, "constitutions.html.j2", None, "constitutions", found)

    def constitution(self, request: Request) -> Response:
        """One version of a constitution."""
        found = project_pages.constitution(self.viewer, str(request.path_params["digest"]))
        if found is None:
            return self._missing(request, "there is no such constitution in this project")
        return self._page(request, "constitution.html.j2", None, "constitutions", found)

    def changed(self, request: Request) -> Response:
        """Whether the list of runs has changed, as JSON."""
        from starlette.responses import JSONResponse

        stamp = list_stamp(self.viewer.catalogue.cards())
        return JSONResponse({"running": True, "shown": {}, "percent": 0, "stamp": stamp})

    def live(self, request: Request) -> Response:
        """How a run stands, as JSON."""
        from starlette.responses import JSONResponse

        card = self._card(request)
        return JSONResponse({"running": False}, 404) if card is None else JSONResponse(standing(card))

    def reviewed(self, name: str) -> Callable[[Request], Any]:
        """An answer of the review pages, for the pairs of the run that the address names."""

        async def answer(request: Request) -> Response:
            from starlette.concurrency import run_in_threadpool

            card = self._card(request)
            desk = None if card is None else await run_in_threadpool(self.viewer.desk_of, card)
            if card is None or desk is None:
                return self._missing(
                    request, "there are no pairs here; `rlaif status` says how far the run came"
                )
            desk.shell = shell(self.viewer, card, "pairs")
            method = getattr(ReviewPages(desk), name)
            if name == "said":
                response: Response = await method(request)
                return response
            return await run_in_threadpool(method, request)

        return answer

    def asset(self, request: Request) -> Response:
        """Our own style and script."""
        from starlette.responses import FileResponse, PlainTextResponse

        name = request.path_params["name"]
        if name not in ASSETS:
            return PlainTextResponse("not here", status_code=404)
        return FileResponse(PAGES / name, media_type=ASSETS[name])

    def _of_run(
        self,
        request: Request,
        template: str,
        active: str,
        make: Callable[[Viewer, RunCard, Request], dict[str, Any] | None],
    ) -> Response:
        card = self._card(request)
        if card is None:
            return self._missing(request, "there is no such run in this project; it may have been moved")
        try:
            found = make(self.viewer, card, request)
        except RlaifError as wrong:
            return self._missing(request, str(wrong), card, status=200)
        if found is None:
            return self._missing(request, "there is no such page of this run", card)
        return self._page(request, template, card, active, found)

    def _card(self, request: Request) -> RunCard | None:
        return self.viewer.catalogue.card(str(request.path_params["run"]))

    def _missing(
        self, request: Request, says: str, card: RunCard | None = None, status: int = 404
    ) -> Response:
        return self._page(request, "missing.html.j2", card, "", {"says": says}, status)

    def _page(
        self,
        request: Request,
        template: str,
        card: RunCard | None,
        active: str,
        values: Mapping[str, Any],
        status: int = 200,
    ) -> Response:
        from starlette.responses import HTMLResponse

        around = {"shell": shell(self.viewer, card, active), "theme": theme_of(request), "card": card}
        text = self.templates.get_template(template).render(**around, **values)
        return HTMLResponse(text, status_code=status)
