"""The command sends what OpenTelemetry's variables ask for, and waits for no collector for long."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from subprocess import CompletedProcess
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spaaza_source.telemetry.command import EXTRA, SIGNALS, exporters_asked_for
from spaaza_source.telemetry.providers import LONGEST
from tests.faults.hosts import QUICK, TOKEN
from tests.hints.loads import check_advice
from tests.processes import ran
from tests.telemetry import commands
from tests.vendors.server import Answer, ScriptedServer, Seen
from tests.vendors.spaaza_files import FileVendor

CANARY = "xcanaryx"
LOAD = ("load", "users", "--db", "loyalty.duckdb", "--log", "json")


class Collector(ScriptedServer):
    """An OTLP collector over HTTP that takes all, or answers what a test gives it."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.answer = answer or Answer(200)
        super().__init__(lambda _: self.answer)

    def spans(self) -> dict[str, dict[str, Any]]:
        """The attributes of each span that came, by its name."""
        found: dict[str, dict[str, Any]] = {}
        for seen in self._of("/v1/traces"):
            for resource in ExportTraceServiceRequest.FromString(seen.body).resource_spans:
                for span in (span for scope in resource.scope_spans for span in scope.spans):
                    found[span.name] = _attributes(span.attributes)
        return found

    def resources(self) -> list[dict[str, Any]]:
        """What the spans that came are of."""
        bodies = [
            ExportTraceServiceRequest.FromString(seen.body) for seen in self._of("/v1/traces")
        ]
        return [
            _attributes(each.resource.attributes) for body in bodies for each in body.resource_spans
        ]

    def metrics(self) -> set[str]:
        """The names of the metrics that came."""
        bodies = [
            ExportMetricsServiceRequest.FromString(seen.body) for seen in self._of("/v1/metrics")
        ]
        return {
            metric.name
            for body in bodies
            for resource in body.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def _of(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileVendor]:
    with FileVendor(users=f"id,email\n1,{CANARY}\n".encode()) as served:
        given = {"base_url": served.base_url, "chain_id": 1743, "max_age": 0, **QUICK}
        given |= {f"credentials__{name}": value for name, value in TOKEN.items()}
        for name, value in given.items():
            monkeypatch.setenv(f"SOURCES__SPAAZA__{name.upper()}", str(value))
        yield served


def spaaza(*arguments: str, **variables: str) -> CompletedProcess[str]:
    """What the command does, with OpenTelemetry's variables."""
    return ran(commands.run, arguments, variables)


@pytest.fixture
def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.slow
def test_a_load_and_its_health_are_sent_to_a_collector(vendor: FileVendor) -> None:
    with Collector() as collector:
        to = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.base_url}
        done = spaaza(*LOAD, **to)
        assert (done.returncode, done.stderr) == (0, "")
        spans = collector.spans()
        assert {"spaaza load", "spaaza.load", "spaaza.table", "spaaza.export"} <= spans.keys()
        assert spans["spaaza load"]["process.exit.code"] == 0
        assert spans["spaaza.export"]["spaaza.rows"] == 1
        assert {"spaaza.load.rows", "spaaza.export.wait"} <= collector.metrics()
        assert {each["service.name"] for each in collector.resources()} == {"spaaza"}
        assert not any(CANARY.encode() in seen.body for seen in collector.seen)

        vendor.files["users"] = b"id,id\n1,1\n"
        del collector.seen[:]
        failed = spaaza(*LOAD, **to, OTEL_SERVICE_NAME="loyalty-loads")
        assert failed.returncode == 1
        spans = collector.spans()
        assert spans["spaaza load"]["process.exit.code"] == 1
        assert spans["spaaza load"]["error.type"] == "ExportsFailedError"
        assert spans["spaaza.load"]["error.type"] == "HeaderError"
        assert "spaaza.export.failures" in collector.metrics()
        assert {each["service.name"] for each in collector.resources()} == {"loyalty-loads"}

        del collector.seen[:]
        sick = spaaza("health", "--db", "loyalty.duckdb", "--log", "json", **to)
        assert sick.returncode == 1
        assert {"spaaza health", "spaaza.health"} == collector.spans().keys()
        assert {"spaaza.table.age", "spaaza.table.broken_rules"} <= collector.metrics()


@pytest.mark.slow
@pytest.mark.usefixtures("vendor")
def test_a_collector_that_cannot_be_reached_stops_no_load_and_is_told(closed_port: str) -> None:
    secret = closed_port.replace("//", f"//user:{CANARY}@")
    done = spaaza(*LOAD, OTEL_EXPORTER_OTLP_ENDPOINT=secret, OTEL_EXPORTER_OTLP_TIMEOUT="1")
    assert done.returncode == 0
    told = done.stderr.strip().splitlines()
    assert [
        f"so {signal} of this command are lost" in line
        for signal, line in zip(SIGNALS, told, strict=True)
    ] == [True, True]
    assert all(closed_port in line and CANARY not in line for line in told)
    assert json.loads(done.stdout.splitlines()[-1])["exit_code"] == 0
    with Collector() as collector:
        mended = spaaza(*LOAD, OTEL_EXPORTER_OTLP_ENDPOINT=collector.base_url)
        assert (mended.stderr, len(collector.spans()) > 3) == ("", True)


@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.usefixtures("vendor")
def test_a_collector_that_does_not_answer_is_not_waited_for_any_longer() -> None:
    with Collector(Answer(200, headers={"Content-Length": "9"}, then="stall")) as collector:
        begun = time.monotonic()
        variables = {"OTEL_EXPORTER_OTLP_TIMEOUT": "60", "OTEL_METRICS_EXPORTER": "none"}
        done = spaaza(*LOAD, OTEL_EXPORTER_OTLP_ENDPOINT=collector.base_url, **variables)
    assert done.returncode == 0
    assert LONGEST < time.monotonic() - begun < LONGEST + 30
    [told] = done.stderr.strip().splitlines()
    assert "has not answered, so traces of this command are lost" in told


@pytest.mark.slow
@pytest.mark.usefixtures("vendor")
def test_a_collector_that_refuses_is_told() -> None:
    with Collector(Answer(401, CANARY.encode())) as collector:
        variables = {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_HEADERS": f"k={CANARY}"}
        done = spaaza(*LOAD, OTEL_EXPORTER_OTLP_ENDPOINT=collector.base_url, **variables)
        assert {seen.path for seen in collector.seen} == {"/v1/metrics"}
        assert {seen.headers["k"] for seen in collector.seen} == {CANARY}
    [told] = done.stderr.strip().splitlines()
    assert "has not taken them all, so metrics of this command are lost" in told
    assert CANARY not in told


@pytest.mark.slow
@pytest.mark.usefixtures("vendor")
def test_without_the_extra_its_command_is_named_once() -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}
    done = ran(commands.run_without_the_extra, LOAD, variables)
    assert done.returncode == 0
    [told] = done.stderr.strip().splitlines()
    assert f"pip install '{EXTRA}'" in told
    check_advice("telemetry/command.py", "OpenTelemetry's variables", told)
    assert ran(commands.run_without_the_extra, LOAD, {}).stderr == ""


@pytest.mark.slow
@pytest.mark.usefixtures("vendor")
def test_without_its_variables_nothing_of_it_is_imported() -> None:
    for variables in ({}, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}):
        done = ran(commands.run_and_tell_modules, LOAD, variables)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines()[-1] == "imported: []"


@pytest.mark.slow
@pytest.mark.usefixtures("vendor")
@pytest.mark.follows("telemetry/providers.py", "OpenTelemetry: {SIGNALS")
@pytest.mark.follows("telemetry/providers.py", "OpenTelemetry: spaaza sends")
@pytest.mark.follows("telemetry/providers.py", "OpenTelemetry: {signal} cannot")
def test_variables_that_cannot_be_followed_are_told_and_stop_nothing() -> None:
    module = "telemetry/providers.py"
    with Collector() as collector:
        sound = {
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.base_url,
            "OTEL_TRACES_EXPORTER": "none",
        }
        for wrong, mended, beginning in (
            ({"OTEL_METRICS_EXPORTER": "zipkin"}, {}, "OpenTelemetry: {SIGNALS"),
            (
                {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
                {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
                "OpenTelemetry: spaaza sends",
            ),
            ({"OTEL_METRIC_EXPORT_INTERVAL": "-1"}, {}, "OpenTelemetry: {signal} cannot"),
        ):
            del collector.seen[:]
            done = spaaza(*LOAD, **{**sound, **wrong})
            [line] = done.stderr.strip().splitlines()
            check_advice(module, beginning, line)
            assert (done.returncode, collector.seen) == (0, [])
            again = spaaza(*LOAD, **{**sound, **mended})
            assert (again.stderr, again.returncode) == ("", 0)
            assert "spaaza.load.duration" in collector.metrics()


@pytest.mark.slow
@pytest.mark.usefixtures("vendor")
def test_the_console_is_stderr_so_that_lines_of_json_stay_whole() -> None:
    done = spaaza(*LOAD, OTEL_TRACES_EXPORTER="console")
    assert [json.loads(line)["event"] for line in done.stdout.splitlines()][-1] == "ended"
    assert '"spaaza.export"' in done.stderr


@pytest.mark.parametrize(
    ("variables", "asked_for"),
    [
        ({}, {}),
        ({"OTEL_SERVICE_NAME": "x"}, {}),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"},
            {"traces": ["otlp"], "metrics": ["otlp"]},
        ),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, {"traces": ["otlp"]}),
        (
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_METRICS_EXPORTER": "none"},
            {"traces": ["otlp"]},
        ),
        ({"OTEL_METRICS_EXPORTER": "otlp, Console"}, {"metrics": ["otlp", "console"]}),
        ({"OTEL_METRICS_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "True"}, {}),
    ],
)
def test_what_the_environment_asks_for(
    variables: dict[str, str], asked_for: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert exporters_asked_for() == asked_for
