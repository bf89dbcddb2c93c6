"""Every route says what it asks of a key, and the document tells it."""

import pytest
from fastapi import APIRouter, FastAPI

from commonspace.core.errors import UsageError
from commonspace.serve.access import Scope
from commonspace.shell.api.document import STATUSES, complete_document
from commonspace.shell.api.scopes import AccessTable, Open, needs


def app_with(extra: dict[str, str] | None) -> FastAPI:
    """An app with one route behind two prefixes."""
    inner, outer, app = APIRouter(prefix="/stores"), APIRouter(prefix="/v1"), FastAPI()

    @inner.get("/{name}/items/{item:path}", openapi_extra=extra)
    def item(name: str, item: str) -> str:
        return name + item

    outer.include_router(inner)
    app.include_router(outer)
    return app


def test_a_route_that_declares_nothing_stops_the_start() -> None:
    with pytest.raises(UsageError, match=r"The route /v1/stores/\{name\}/items/\{item:path\} does not say"):
        AccessTable.of(app_with(None))


def test_a_mounted_app_stops_the_start_too() -> None:
    app = FastAPI()
    app.mount("/files", FastAPI())

    with pytest.raises(UsageError, match="The route /files"):
        AccessTable.of(app)


def test_a_route_is_found_by_its_path_and_logged_by_its_template() -> None:
    table = AccessTable.of(app_with(needs(Scope.SEARCH)))

    found = table.find("GET", "/v1/stores/a/items/b/c.png")

    assert found is not None
    assert (found.template, found.access) == ("/v1/stores/{name}/items/{item}", Scope.SEARCH)
    assert table.find("GET", "/v1/stores/a") is None
    assert table.allowed("/v1/stores/a/items/b") == ["GET"]


def test_the_document_tells_scopes_keys_and_errors() -> None:
    app = app_with(needs(Scope.SEARCH))
    app.get("/livez", openapi_extra=needs(Open.TO_ALL))(lambda: "live")
    complete_document(app, keys_required=False)

    document = app.openapi()

    search = document["paths"]["/v1/stores/{name}/items/{item}"]["get"]
    assert (search["x-required-scope"], search["security"]) == ("search", [{"bearer": []}, {"header": []}, {}])
    assert set(STATUSES) < set(search["responses"])
    assert "security" not in document["paths"]["/livez"]["get"]
    assert set(document["components"]["securitySchemes"]) == {"bearer", "header"}
    assert "HTTPValidationError" not in str(document)
    assert document is app.openapi()
