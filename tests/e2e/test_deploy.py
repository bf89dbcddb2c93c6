"""What is shipped for operators, against the real service: settings, metrics, traces, and the proxy in front."""

import base64
import json
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from commonspace.core.errors import Refusal
from commonspace.ingest.limits import ITEM_CODES
from commonspace.serve.access import Scope, Wish
from commonspace.serve.groups import Server
from commonspace.serve.keys import Keyring
from commonspace.serve.settings import CONFIG_VARIABLE
from tests.e2e.serving import serving
from tests.e2e.site import DEPLOY, NGINX, Site, collector, proxied
from tests.house.markdown import blocks
from tests.house.promql import Node, parse

ROOT: Final = Path(__file__).parents[2]
MEDIA: Final = ROOT / "samples" / "media"
OUTSIDE: Final = {"up": {"job", "instance"}}
"""What Prometheus makes itself, and the labels that it gives to everything."""
ADDED: Final = {"instance", "job"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "state").mkdir(mode=0o700)
    keyring = Keyring.open(folder / "state")
    secret = keyring.create(Wish(name="everything", scopes=frozenset(Scope))).secret.text
    keyring.close()
    with pytest.MonkeyPatch.context() as patch, collector() as (endpoint, heard):
        patch.setenv(CONFIG_VARIABLE, str(DEPLOY / "commonspace.toml"))
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        with serving(folder, f"server.tracing_endpoint={endpoint}", "workers=1") as served:
            yield Site(served=served, headers={"authorization": f"Bearer {secret}"}, spans=heard)


def data_uri(path: Path) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(path.read_bytes()).decode()}"


@pytest.fixture(scope="module")
def traffic(site: Site) -> None:
    """A little of everything that is counted: each modality, a repeat, a broken item, refusals of four kinds."""
    picture = {"type": "image_url", "image_url": {"url": data_uri(min((MEDIA / "images").glob("*.jpg")))}}
    sound = base64.b64encode((MEDIA / "sounds" / "cat.ogg").read_bytes()).decode()
    heard = {"type": "input_audio", "input_audio": {"data": sound, "format": "ogg"}}
    broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    wanted = {"input": ["rain", picture, heard, broken], "error_policy": "per_item", "timeout_ms": 60_000}
    statuses = [
        site.ask("/v1/embeddings", wanted).status_code,
        site.ask("/v1/embeddings", {"input": "rain", "timeout_ms": 60_000}).status_code,
        site.ask("/v1/embeddings", {"input": "thunder", "timeout_ms": 0.001}).status_code,
        site.ask("/v1/embeddings", {"input": "thunder"}, authorization="Bearer nothing").status_code,
        site.ask("/v1/stores/nowhere").status_code,
    ]
    assert statuses[:2] == [200, 200]
    assert statuses[2] in {429, 504}
    assert statuses[3:] == [401, 404]


@dataclass(frozen=True, kw_only=True)
class Exposed:
    """The series of a real exposition: of each name the labels, and of each label the values."""

    labels: dict[str, dict[str, set[str]]]
    families: set[str]


@pytest.fixture(scope="module")
def exposed(site: Site, traffic: None) -> Exposed:
    del traffic
    answer = site.ask("/metrics")
    assert answer.status_code == 200
    labels: dict[str, dict[str, set[str]]] = {}
    families = set()
    for family in text_string_to_metric_families(answer.text):
        families.add(family.name)
        for sample in family.samples:
            known = labels.setdefault(sample.name, {})
            for label, value in sample.labels.items():
                known.setdefault(label, set()).add(value)
    return Exposed(labels=labels, families=families)


def recorded() -> dict[str, Node]:
    return {rule["record"]: parse(rule["expr"]) for rule in rules() if "record" in rule}


def rules() -> list[dict[str, Any]]:
    return [
        rule
        for group in yaml.safe_load((DEPLOY / "prometheus-rules.yaml").read_text())["groups"]
        for rule in group["rules"]
    ]


def expressions() -> list[Node]:
    panels = json.loads((DEPLOY / "grafana.json").read_text())["panels"]
    drawn = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    return [parse(text) for text in (*(rule["expr"] for rule in rules()), *drawn)]


NO_CHECKS: Final = ssl.create_default_context()
NO_CHECKS.check_hostname, NO_CHECKS.verify_mode = False, ssl.CERT_NONE
"""For a request that no ordinary client would send, to a server of ours."""


REFUSALS: Final = {kind.code for kind in Refusal.__subclasses__()}
UNEVENTFUL: Final = {
    "commonspace_batch_failures_total": {"modality"},
    "commonspace_dropped_total": {"cause"},
}
"""Counted only when something goes wrong that a healthy service cannot be made to do from outside."""


def complaints(node: Node, exposed: Exposed) -> list[str]:
    """What an expression asks for and a running service does not have."""
    found, asked = [], {}
    for part in node.walk():
        if part.kind == "selector" and ":" not in part.name and part.name not in OUTSIDE:
            asked = exposed.labels.get(part.name) or {label: set() for label in UNEVENTFUL.get(part.name, ())}
            if not asked and part.name.removesuffix("_total") not in exposed.families:
                found.append(f"there is no {part.name}")
            for label, sign, value in part.matchers:
                if label not in {*asked, *ADDED}:
                    found.append(f"{part.name} has no label {label}")
                elif sign == "=" and asked.get(label) and value not in asked[label] | REFUSALS:
                    found.append(f"{part.name} has no {label}={value}")
    for part in node.walk():
        names = [each.name for each in part.walk() if each.kind == "selector" and ":" not in each.name]
        missing = set(part.by or ()) - ADDED - {"le"}
        for name in names:
            known = exposed.labels.get(name) or UNEVENTFUL.get(name) or {}
            found += [f"{name} cannot be summed by {label}" for label in missing - set(known)]
    return found


def test_every_rule_and_panel_asks_for_what_a_running_service_has(exposed: Exposed) -> None:
    assert [complaint for node in expressions() for complaint in complaints(node, exposed)] == []


@pytest.mark.parametrize(
    "expression",
    [
        "sum(rate(commonspace_requets_total[5m]))",
        'commonspace_level{which="slots"}',
        'commonspace_level{what="slits"}',
        "sum by (colour) (rate(commonspace_requests_total[5m]))",
    ],
)
def test_what_a_running_service_does_not_have_is_noticed(expression: str, exposed: Exposed) -> None:
    assert len(complaints(parse(expression), exposed)) == 1


def test_traffic_is_counted_by_what_it_was(exposed: Exposed) -> None:
    labels = exposed.labels

    assert {"/v1/embeddings", "/v1/stores/{name}"} <= labels["commonspace_requests_total"]["route"]
    assert {"200", "401", "404"} <= labels["commonspace_requests_total"]["status"]
    assert labels["commonspace_items_total"]["modality"] == {"text", "image", "audio"}
    assert labels["commonspace_interactive_items_total"]["outcome"] == {"in_time", "late"}
    assert labels["commonspace_stage_seconds_count"]["stage"] == {"decode", "queue", "inference"}
    assert labels["commonspace_item_errors_total"]["code"] <= set(ITEM_CODES)
    assert labels["commonspace_cache_total"]["outcome"] >= {"hit", "miss"}
    assert "unauthenticated" in labels["commonspace_refusals_total"]["cause"]


def test_every_metric_is_told(exposed: Exposed) -> None:
    page = (ROOT / "docs/run-it.md").read_text("utf-8")
    ours = {name for name in exposed.families if name.startswith("commonspace_") and not name.endswith("_created")}
    levels = exposed.labels["commonspace_level"]["what"]

    assert len(ours) > 10
    assert [name for name in sorted(ours) if f"`{name}" not in page] == []
    assert [
        what for what in sorted(levels) if f"`{what.partition('_')[0]}_" not in page and f"`{what}`" not in page
    ] == []


def test_item_codes_in_the_rules_exist() -> None:
    (codes,) = re.findall(r'code=~"([^"]+)"', (DEPLOY / "prometheus-rules.yaml").read_text("utf-8"))

    assert set(codes.split("|")) <= set(ITEM_CODES)


def test_a_request_leaves_a_span_without_its_words(site: Site, traffic: None) -> None:
    del traffic
    while not site.spans:
        site.ask("/v1/models")

    spans = [
        span for each in site.spans for one in each.resource_spans for scope in one.scope_spans for span in scope.spans
    ]
    first = next(span for span in spans if span.name == "embeddings nano")
    told = {each.key: each.value.int_value for each in first.attributes}
    assert (told["commonspace.items.audio"], told["commonspace.items.failed"]) == (1, 1)
    assert not any(word in str(spans) for word in ("thunder", "nowhere", "Bearer"))


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_every_example_of_the_api_page_works(site: Site, tmp_path: Path) -> None:
    shutil.copy(min((MEDIA / "images").glob("*.jpg")), tmp_path / "photo.jpg")
    shutil.copy(MEDIA / "sounds" / "engine.wav", tmp_path / "bark.wav")
    examples = blocks((ROOT / "docs/http.md").read_text("utf-8"), "bash")
    assert len(examples) > 7

    for example in examples:
        text = example.replace("http://127.0.0.1:7700", site.served.url).replace("timeout-ms: 250", "timeout-ms: 60000")
        text = text.replace("curl -s ", f"curl -sS --fail -H 'authorization: {site.headers['authorization']}' ")
        answer = subprocess.run(["bash", "-ec", text], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert answer.returncode == 0, f"{example}\n{answer.stderr}"
    assert (tmp_path / "rain.f32").stat().st_size == 384 * 4


@pytest.fixture(scope="module")
def proxy(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed")
    with proxied(site.served.url, tmp_path_factory.mktemp("nginx")) as client:
        client.headers.update(site.headers)
        yield client


def test_the_proxy_passes_requests_on_with_their_id(proxy: httpx.Client) -> None:
    mine = proxy.post("/v1/embeddings", json={"input": "rain"}, headers={"x-request-id": "mine-1"})
    new = proxy.get("/v1/models", headers={"x-request-id": "not a plain word"})

    assert (mine.status_code, mine.headers["x-request-id"]) == (200, "mine-1")
    assert new.headers["x-request-id"].startswith("req-")
    assert mine.headers["strict-transport-security"]


def test_behind_the_proxy_keys_are_asked_for(proxy: httpx.Client) -> None:
    answer = proxy.get("/v1/models", headers={"authorization": "Bearer nothing"})

    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthenticated"


def test_metrics_are_not_for_the_world(proxy: httpx.Client) -> None:
    assert proxy.get("/metrics").status_code == 404


def test_a_body_over_the_limit_is_refused_as_the_service_would(proxy: httpx.Client) -> None:
    place = (proxy.base_url.host, proxy.base_url.port or 443)
    with socket.create_connection(place) as plain, NO_CHECKS.wrap_socket(plain) as link:
        head = f"POST /v1/embeddings HTTP/1.1\r\nhost: here\r\ncontent-length: {Server().body_bytes + 1}\r\n\r\n"
        link.sendall(head.encode())
        answer = HTTPResponse(link)
        answer.begin()
        error = json.loads(answer.read())["error"]

    assert answer.status == 413
    assert (error["code"], error["type"]) == ("request_too_large", "invalid_request_error")
    assert error["request_id"] == answer.headers["x-request-id"]
    assert set(error) == {"message", "type", "param", "code", "fix", "request_id"}


def test_a_large_body_is_streamed_through_and_never_on_the_proxys_disk(proxy: httpx.Client, site: Site) -> None:
    texts = [f"{number} " + "rain " * 2000 for number in range(4)]
    body = {"input": [*texts, "x" * 4_000_000], "error_policy": "per_item", "priority": "bulk"}

    answer = proxy.post("/v1/embeddings", json=body)

    assert answer.status_code == 200
    assert answer.json()["summary"] == {"total": 5, "succeeded": 4, "failed": 1}
    assert site.ask("/livez").status_code == 200


def test_without_a_service_behind_it_the_answer_says_when_to_come_again(tmp_path: Path, site: Site) -> None:
    if NGINX is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is not installed")
    with proxied("http://127.0.0.1:9", tmp_path) as client:
        answer = client.get("/v1/models", headers=site.headers)

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["error"]["code"] == "unavailable"
