"""What is shipped under ``deploy`` holds together: it parses, its settings exist, its limits fit one another."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from commonspace.serve.groups import Objectives, Server
from commonspace.serve.settings import CONFIG_VARIABLE, Settings, variable
from tests.house.commandline import complaint

DEPLOY = Path(__file__).parents[2] / "deploy"
SECRETISH = re.compile(r"(?i)(password|secret|token|api_?key)\s*[=:]|cs_[a-z0-9]{6,}_\w{16,}|BEGIN [A-Z ]*PRIVATE KEY")
PINNED = re.compile(r"[\w./-]+:\d+\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?")
LONGEST_STOP = 2 * Server().drain_seconds
"""Requests first, then jobs: each may take the whole of ``server.drain_seconds``."""


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names are told apart by their case
    parser.read(DEPLOY / "commonspace.service", "utf-8")
    return parser


def steps() -> list[tuple[str, str]]:
    """The Containerfile's instructions, each with what stands behind it."""
    text = (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def last_stage() -> list[tuple[str, str]]:
    found = steps()
    return found[max(place for place, (word, _) in enumerate(found) if word == "FROM") :]


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]["commonspace"]


def nginx() -> dict[str, str]:
    """Each directive of the proxy with its last value; blocks must open and close."""
    text = re.sub(r"#[^\n]*", "", (DEPLOY / "nginx.conf").read_text("utf-8"))
    plain = re.sub(r"'[^']*'|\"[^\"]*\"", "''", text)
    assert plain.count("{") == plain.count("}") > 0
    return {name: value.strip() for name, value in re.findall(r"(?m)^\s*(\w+)\s+([^;{}]+);", plain)}


def seconds(value: str) -> float:
    return float(value.rstrip("sm")) * (60 if value.endswith("m") else 1)


@pytest.mark.parametrize("path", sorted(DEPLOY.iterdir()), ids=lambda path: path.name)
def test_no_shipped_file_holds_a_secret(path: Path) -> None:
    assert SECRETISH.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("text", ["PASSWORD=hunter2", "api_key: abc", "-----BEGIN EC PRIVATE KEY-----"])
def test_a_secret_would_be_noticed(text: str) -> None:
    assert SECRETISH.search(text)


def test_the_settings_file_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONFIG_VARIABLE, str(DEPLOY / "commonspace.toml"))

    settings = Settings.load()

    assert settings.server.require_keys
    assert settings.server == replace(Server(), require_keys=True, state_folder=Path("/var/lib/commonspace"))


def test_settings_that_are_commented_out_load_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (DEPLOY / "commonspace.toml").read_text("utf-8")
    everything = re.sub(r"(?m)^# (\w+ = )", r"\1", text)
    assert len(tomllib.loads(everything)["server"]) == len(tomllib.loads(text)["server"]) + 2
    path = tmp_path / "all.toml"
    path.write_text(everything, "utf-8")
    monkeypatch.setenv(CONFIG_VARIABLE, str(path))

    assert Settings.load().server.tracing_endpoint == "http://127.0.0.1:4318"


def test_the_unit_runs_a_command_that_exists_with_variables_that_exist() -> None:
    service = unit()["Service"]
    program, *arguments = shlex.split(service["ExecStart"])

    assert Path(program).name == "commonspace"
    assert complaint(arguments) is None
    assert service["Environment"].partition("=")[0] == CONFIG_VARIABLE


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "User": "commonspace",
        "StateDirectory": "commonspace",
        "Restart": "on-failure",
        "KillMode": "mixed",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "PrivateTmp": "yes",
        "PrivateDevices": "yes",
        "RestrictNamespaces": "yes",
        "RestrictSUIDSGID": "yes",
        "SystemCallFilter": "@system-service",
        "SystemCallArchitectures": "native",
        "UMask": "0077",
    }.items(),
)
def test_the_unit_is_hardened(name: str, value: str) -> None:
    assert unit()["Service"][name] == value


def test_whoever_stops_the_service_waits_until_it_has_drained() -> None:
    assert float(unit()["Service"]["TimeoutStopSec"]) > LONGEST_STOP
    assert seconds(compose()["stop_grace_period"]) > LONGEST_STOP


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    text = (DEPLOY / "commonspace.service").read_text("utf-8").replace("/opt/commonspace/bin/commonspace", "/bin/true")
    (tmp_path / "commonspace.service").write_text(text, "utf-8")

    command = ["systemd-analyze", "verify", str(tmp_path / "commonspace.service")]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)

    assert [line for line in answer.stderr.splitlines() if "commonspace.service" in line] == []


def test_both_stages_start_from_one_pinned_base() -> None:
    bases = [rest.split()[0] for word, rest in steps() if word == "FROM"]
    (argument,) = [rest for word, rest in steps() if word == "ARG"]
    name, _, base = argument.partition("=")

    assert set(bases) == {f"${{{name}}}"}
    assert PINNED.fullmatch(base)


@pytest.mark.parametrize("base", ["python:latest", "python:3-slim", "python", "python:3.12-slim-bookworm"])
def test_a_base_that_moves_would_be_noticed(base: str) -> None:
    assert not PINNED.fullmatch(base)


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    last = dict(last_stage())

    assert last["USER"] == f"{compose()['user']}"
    assert not last["USER"].startswith("0")
    assert "/readyz" in last["HEALTHCHECK"]
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert complaint([*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])][1:]) is None


def test_the_image_keeps_nothing_that_installs() -> None:
    run = " ".join(rest for word, rest in last_stage() if word == "RUN")

    assert "pip uninstall --yes pip" in run
    assert not re.search(r"pip install|apt|curl|wget|gcc", run)
    assert [rest for word, rest in last_stage() if word in {"COPY", "ADD"}] == [
        "--from=build /opt/commonspace /opt/commonspace"
    ]
    installed = " ".join(rest for word, rest in steps() if word == "RUN")
    assert "--require-hashes" in installed
    assert "--without-pip" in installed


def test_the_containers_variables_are_settings() -> None:
    known = {variable(name) for name in Settings.names()} | {CONFIG_VARIABLE}
    in_image = re.findall(r"COMMONSPACE_\w+", dict(last_stage())["ENV"])

    assert {*in_image, *compose()["environment"]} <= known
    assert in_image


def test_the_container_may_write_nothing_but_its_state() -> None:
    service = compose()

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert dict(last_stage())["ENV"].endswith("COMMONSPACE_SERVER__STATE_FOLDER=/data")
    assert service["volumes"] == ["state:/data"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def test_the_proxys_limits_are_those_of_the_service() -> None:
    found = nginx()

    assert int(found["client_max_body_size"]) == Server().body_bytes
    assert seconds(found["proxy_read_timeout"]) > max(2 * Objectives().video / 1000, Server().bulk_seconds)
    assert f"127.0.0.1:{Server().port} " in (DEPLOY / "nginx.conf").read_text("utf-8")
    assert f"than {Server().body_bytes} bytes" in (DEPLOY / "nginx.conf").read_text("utf-8")


def test_the_proxy_streams_uploads_and_repeats_only_what_was_not_begun() -> None:
    found = nginx()

    assert found["proxy_request_buffering"] == "off"
    assert found["proxy_max_temp_file_size"] == "0"
    assert found["proxy_next_upstream"] == "error http_503"
    assert found["ssl_protocols"] == "TLSv1.2 TLSv1.3"
    assert "proxy_set_header X-Request-Id" in (DEPLOY / "nginx.conf").read_text("utf-8")
