"""Pages that explain the routes, with scripts of their own: to fetch them elsewhere would be to trust a stranger."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

_ASSETS = "/docs/assets"
# Swagger UI would send the description to a validator on the Internet.
_PARAMETERS = {"validatorUrl": None}

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def docs() -> HTMLResponse:
    """Every route, to be read and tried."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Tidemark",
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
        swagger_ui_parameters=_PARAMETERS,
    )


def install(app: FastAPI) -> None:
    """The page, and Swagger UI's files as an installed package has them."""
    app.include_router(router)
    app.mount(_ASSETS, StaticFiles(directory=str(files("fastapi_offline").joinpath("static"))), name="docs-assets")
