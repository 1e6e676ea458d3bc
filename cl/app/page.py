"""The page of an application: the files of its folder `web`, served at `/app` while it runs."""

from __future__ import annotations

from cl._values.printing import printable
from cl._values.saying import say
from cl.visualisation.server.application import serve
from cl.visualisation.server.custom_visualiser import APPLICATION_PATH

from .project import Project, ProjectError


def serve_page(project: Project) -> str | None:
    """Serve the application's page from now on, through every device that opens; return the server's URL.

    None where it has no page, or there is to be none: in accelerated time, with CL_SDK_VISUALISATION=0.
    """
    if not (project.page.is_file() and project.script.is_file()):
        if project.page.is_file() or project.script.is_file():
            say("Warning: the folder web needs both vis.html and vis.mjs: the application has no page")
        return None
    try:
        url = serve(project.web, project.id)
    except (OSError, ValueError) as error:
        raise ProjectError(f"the application's page cannot be served: {printable(str(error))}") from None
    return None if url is None else url.removesuffix(APPLICATION_PATH)
