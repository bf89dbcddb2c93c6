"""The OpenAPI document against the real service with keys: what it says holds, for requests good and bad.

A few requests of each kind by default; ``make schema`` asks for many more (COMMONSPACE_SCHEMA_EXAMPLES).
"""

import os
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.config import SchemathesisConfig

from commonspace.shell.api.app import routes
from tests.e2e.documented import Operation, exemplified, operations, resolved
from tests.e2e.keyed import ITEM, STORE, Keyed, keyed

USUAL_EXAMPLES: Final = 10
EXAMPLES: Final = int(os.environ.get("COMMONSPACE_SCHEMA_EXAMPLES", USUAL_EXAMPLES))
CONTENT: Final = ("embed", "embed_cohere", "search_store", "add_items", "list_items")
"""What a schema cannot say decides here too: whether media are media, a text has a word, a cursor is ours."""

DOCUMENT: Final[dict[str, Any]] = routes(keys_required=True).openapi()
OPERATIONS: Final = operations(DOCUMENT)
GUARDED: Final = [each for each in OPERATIONS if each.access != "none"]
SCOPED: Final = [each for each in GUARDED if each.access != "any"]
OWNED: Final = [each for each in SCOPED if each.path.startswith(("/v1/stores/{", "/v1/jobs/{"))]

LATE: Final = "504"
"""What asks for an answer in a millionth of a second gets this: the one 5xx that a request can bring about."""

LONGEST_ADDRESS: Final = 65_535
"""Beyond it uvicorn itself says, in plain text, that this is no HTTP."""

ACCEPTED: Final = ["2xx", "400", "401", "403", "404", "409", "413", "415", "422", "429", LATE]
RELAXED: Final[dict[str, Any]] = {
    "include-operation-id": list(CONTENT),
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ACCEPTED},
        "not_a_server_error": {"expected-statuses": ["2xx", "4xx", LATE]},
    },
}
SHORTENED: Final[dict[str, Any]] = {"include-operation-id": "embed", "phases": {"coverage": {"enabled": False}}}
"""The body with the most forms has some thousand cases of its own; they are for the long version."""

CHOSEN: Final = [RELAXED] if EXAMPLES > USUAL_EXAMPLES else [{**RELAXED, **SHORTENED}, RELAXED]
schema = schemathesis.openapi.from_dict(DOCUMENT, config=SchemathesisConfig.from_dict({"operations": CHOSEN}))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keyed]:
    with keyed(tmp_path_factory.mktemp("openapi")) as running:
        yield running


@pytest.fixture(scope="module")
def web(service: Keyed) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=service.url, timeout=60) as made:
        yield made


def asked(web: httpx.Client, operation: Operation, service: Keyed, key: str | None) -> httpx.Response:
    """A request as the document shows it, with names that are there, and with a key or none."""
    model = operation.path.startswith("/v1/models")
    names = {"name": "nano" if model else STORE, "item": ITEM, "id": service.job, "model": "nano"}
    headers = {} if key is None else service.bearer(key)
    return web.request(operation.method, operation.path_with(names), json=operation.body, headers=headers)


class TestKeys:
    """Every route of the document, with keys that do not open it; runs before anything is changed."""

    @pytest.mark.parametrize("operation", GUARDED, ids=str)
    @pytest.mark.parametrize("key", [None, "expired", "revoked"])
    def test_without_a_valid_key_it_is_401(
        self, web: httpx.Client, service: Keyed, operation: Operation, key: str | None
    ) -> None:
        answer = asked(web, operation, service, key)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthenticated")
        assert answer.headers["www-authenticate"].startswith("Bearer")

    @pytest.mark.parametrize("operation", SCOPED, ids=str)
    def test_without_its_scope_it_is_403(self, web: httpx.Client, service: Keyed, operation: Operation) -> None:
        answer = asked(web, operation, service, f"no {operation.access}")
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "forbidden")
        assert operation.access in answer.json()["error"]["message"]

    @pytest.mark.parametrize("operation", OWNED, ids=str)
    def test_of_another_tenant_it_is_404(self, web: httpx.Client, service: Keyed, operation: Operation) -> None:
        answer = asked(web, operation, service, "stranger")
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")

    @pytest.mark.parametrize("path", ["/v1/stores", "/v1/jobs"])
    def test_lists_hold_nothing_of_another_tenant(self, web: httpx.Client, service: Keyed, path: str) -> None:
        assert len(web.get(path, headers=service.bearer("all")).json()["data"]) == 1
        assert web.get(path, headers=service.bearer("stranger")).json()["data"] == []

    @pytest.mark.parametrize("operation", [each for each in OPERATIONS if each not in GUARDED], ids=str)
    def test_only_health_needs_no_key(self, web: httpx.Client, service: Keyed, operation: Operation) -> None:
        assert operation.path in {"/livez", "/readyz"}
        assert asked(web, operation, service, None).status_code == 200

    @pytest.mark.parametrize("operation", sorted(OPERATIONS, key=lambda each: each.destroys), ids=str)
    def test_with_the_right_key_the_same_request_is_answered(
        self, web: httpx.Client, service: Keyed, operation: Operation
    ) -> None:
        answer = asked(web, operation, service, "all")
        expected = {200, 201, 202, *([409] if operation.name in {"create_store", "cancel_job"} else [])}
        assert answer.status_code in expected, answer.text

    def test_the_document_itself_asks_for_a_key_and_is_what_the_code_says(
        self, web: httpx.Client, service: Keyed
    ) -> None:
        assert web.get("/openapi.json").status_code == 401
        assert web.get("/openapi.json", headers=service.bearer("all")).json() == DOCUMENT


@pytest.fixture
def furnished(service: Keyed) -> Keyed:
    """For each operation anew: the one before may have dropped the store."""
    service.furnish()
    return service


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
def test_what_is_generated_from_the_document_is_answered_as_it_says(case: schemathesis.Case, furnished: Keyed) -> None:
    sent: dict[str, Any] = {"base_url": furnished.url, "headers": furnished.bearer("all"), "timeout": 60}
    answer = case.call(**sent)
    if len(answer.request.url or "") > LONGEST_ADDRESS:
        assert answer.status_code == 400
        return
    case.validate_response(answer, headers=sent["headers"], transport_kwargs=sent)


class TestDocument:
    def test_every_operation_has_a_name_of_its_own(self) -> None:
        names = [each.name for each in OPERATIONS]
        assert len(names) == len(set(names)) >= 20
        assert all(names)

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_an_operation_is_described(self, operation: Operation) -> None:
        assert operation.told["summary"]
        assert operation.told["description"].endswith(".")
        assert all(each.get("description") for each in operation.told["responses"].values())

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_an_operation_says_who_may_ask(self, operation: Operation) -> None:
        schemes = [name for each in operation.told.get("security", []) for name in each]
        assert schemes == ([] if operation.access == "none" else ["bearer", "header"])
        assert set(schemes) <= set(DOCUMENT["components"]["securitySchemes"])

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_every_error_has_the_one_shape(self, operation: Operation) -> None:
        errors = {status: each for status, each in operation.told["responses"].items() if status >= "400"}
        assert set(errors) >= {"400", "401", "403", "404", "413", "429", "500", "503"}
        for each in errors.values():
            shape = resolved(DOCUMENT, each["content"]["application/json"]["schema"])
            told = resolved(DOCUMENT, shape["properties"]["error"])
            assert set(told["required"]) == {"message", "type", "param", "code", "fix", "request_id"}

    @pytest.mark.parametrize("operation", OPERATIONS, ids=str)
    def test_bodies_answers_and_names_in_paths_have_examples(self, operation: Operation) -> None:
        answers = [each for status, each in operation.told["responses"].items() if status < "300"]
        contents = [operation.told.get("requestBody", {}), *answers]
        bare = [kind for each in contents for kind, media in each.get("content", {}).items() if not _shown(media)]
        assert bare == []
        places = [each for each in operation.told.get("parameters", []) if each["in"] == "path"]
        assert all(_shown(each) for each in places)


def _shown(media: dict[str, Any]) -> bool:
    return bool("example" in media or media.get("examples") or exemplified(DOCUMENT, media.get("schema", {})))
