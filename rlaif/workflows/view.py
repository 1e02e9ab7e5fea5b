"""`rlaif view`: the local pages over all runs of a project."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rlaif.errors import InputError
from rlaif.review.view.app import make_view
from rlaif.review.view.catalogue import is_training
from rlaif.review.view.viewer import AuditShown, Viewer, address
from rlaif.runs.layout import is_run
from rlaif.store import find_store
from rlaif.workflows.audit.config import AuditConfig
from rlaif.workflows.audit.run import audit
from rlaif.workflows.datasets.review import login
from rlaif.workflows.listening import address_of, listen, require_web_packages, serve_until_interrupted

DEPTH = 4
"""Folders up from a run in which its project is looked for."""
LANDMARKS = (".rlaif", "constitutions", "pipelines")
"""What the folder of a project holds, before there is a run."""


def serve(
    folder: Path,
    *,
    port: int = 0,
    reviewer: str | None = None,
    store: Path | None = None,
    said: Callable[[str], None] = print,
) -> None:
    """Serve the pages of a project on the loopback until interrupted; `said` gets the address with its token.

    Args:
        folder: The project, or a run in it, which is then shown first.
        port: Where to listen; 0: any free port.
        reviewer: Who decides on pairs [default: the login name].
        store: The store file, where it is another than the project's.
        said: Gets the address.

    Raises:
        EngineError: the web packages are not installed.
        InputError: there is no project, or the port is in use.
    """
    require_web_packages("view")
    project = project_of(folder)
    viewer = make_viewer(project, reviewer=reviewer, store=store)
    card = viewer.catalogue.card(folder.absolute().relative_to(project.absolute()).as_posix())
    held = listen(port)
    with held:
        path = "/" if card is None else address(card)
        said(f"{address_of(held)}{path}?token={viewer.token}")
        try:
            serve_until_interrupted(make_view(viewer), held)
        finally:
            viewer.close()


def make_viewer(project: Path, *, reviewer: str | None = None, store: Path | None = None) -> Viewer:
    """What the pages of a project work on."""
    return Viewer(
        project=project,
        store=lambda run: find_store(run, store),
        reviewer=reviewer or login(),
        auditor=lambda run: _audited(run, store),
    )


def project_of(folder: Path) -> Path:
    """The project that a folder is, or that a run lies in. Raises InputError for what is neither."""
    if not folder.is_dir():
        raise InputError(
            f"{folder}: there is no such folder; name a project (where you called `rlaif init`) or a run"
        )
    if is_run(folder) or is_training(folder):
        above = list(folder.absolute().parents)[:DEPTH]
        return next((each for each in above if (each / LANDMARKS[0]).is_dir()), above[0])
    if any((folder / each).is_dir() for each in LANDMARKS) or _has_runs(folder):
        return folder
    raise InputError(
        f"{folder}: is no project: it holds no runs, no store and no constitutions; name the folder in which you work "
        "(`rlaif init DIR` makes one), or a run"
    )


def _has_runs(folder: Path) -> bool:
    from rlaif.review.view.catalogue import Catalogue

    return bool(Catalogue(folder).cards())


def _audited(run: Path, store: Path | None) -> AuditShown:
    found = audit(AuditConfig(run=run, store=store))
    return AuditShown(found.audit, found.suggestions)
