"""The AWS that the AWS CLI talks to: moto, and in front of it what moto does not do.

That is: a function that is invoked runs, in an environment with the layer that it has, and its log comes to CloudWatch
Logs; filter patterns, saved queries and alarms are evaluated, by the evaluator beside this. All else goes to moto, and
what moto keeps is asked there.
"""

import base64
import contextlib
import io
import json
import re
import threading
import time
import uuid
import zipfile
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from cloudwatch.alarm import metrics, states
from cloudwatch.events import Event, events_of
from cloudwatch.filter_pattern import compile_pattern
from cloudwatch.query import run
from deployment import client
from pretended_lambda import REQUEST_IDS, PretendedLambda

HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "server", "date"}


class Front:
    def __init__(self, moto, folder):
        self._moto, self._folder = moto, folder
        self._code, self._layers, self._environments = {}, {}, {}
        self._definitions, self._results = {}, {}
        self.failures = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def handle(self):
                with contextlib.suppress(ConnectionResetError):
                    super().handle()

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                try:
                    status, headers, answer = front.answer(self.command, self.path, self.headers, body)
                except Exception as error:  # whatever it is, the test tells of it, and the CLI must not try again
                    front.failures.append(error)
                    status, headers, answer = 400, {}, b"{}"
                self.send_response(status)
                for name, value in headers.items():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = do_PUT = do_DELETE = answer

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        for environment in self._environments.values():
            environment.stop()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method, path, headers, body):
        """Answer a call: its status, headers and body."""
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2] or path.rpartition("/operation/")[2]
        own = {
            "FilterLogEvents": self._filter_log_events,
            "PutQueryDefinition": self._put_query_definition,
            "DescribeQueryDefinitions": self._describe_query_definitions,
            "DeleteQueryDefinition": self._delete_query_definition,
            "StartQuery": self._start_query,
            "GetQueryResults": lambda asked: {"status": "Complete", "results": self._results[asked["queryId"]]},
        }
        if operation in own:
            document = json.dumps(own[operation](json.loads(body)))
            return 200, {"Content-Type": "application/x-amz-json-1.1"}, document.encode()
        if operation == "DescribeAlarms" or b"Action=DescribeAlarms" in body:
            self._evaluate_alarms()
        if invoked := re.fullmatch(r"/2015-03-31/functions/([^/]+)/invocations", path):
            return 200, {"X-Amz-Executed-Version": "$LATEST"}, self._invoke(invoked[1], body)
        status, headers, answer = self._forward(method, path, headers, body)
        if status < 300:
            self._note(method, path, body, answer)
        return status, headers, answer

    def _forward(self, method, path, headers, body):
        connection = HTTPConnection(urlsplit(self._moto).netloc, timeout=20)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def _note(self, method, path, body, answer):
        """Keep the code of functions and layers, and end environments whose function has changed."""
        document = json.loads(body) if body[:1] == b"{" else {}
        if method == "POST" and path.endswith("/functions"):
            self._code[document["FunctionName"]] = self._unpacked(document["Code"]["ZipFile"])
        elif method == "POST" and "/layers/" in path:
            self._layers[json.loads(answer)["LayerVersionArn"]] = self._unpacked(document["Content"]["ZipFile"])
        elif "/functions/" in path and method in ("PUT", "DELETE"):
            environment = self._environments.pop(re.search(r"/functions/([^/]+)", path)[1], None)
            if environment:
                environment.stop()

    def _unpacked(self, code):
        folder = self._folder / uuid.uuid4().hex
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(code))) as archive:
            for entry in archive.infolist():
                archive.extract(entry, folder)
                (folder / entry.filename).chmod(entry.external_attr >> 16 or 0o644)
        return folder

    def _invoke(self, name, event):
        configuration = client(self._moto, "lambda").get_function_configuration(FunctionName=name)
        environment = self._environments.get(name) or self._start(name, configuration)
        request_id = next(REQUEST_IDS)
        answer = environment.invoke(json.loads(event or "{}"), request_id)
        lines = [f"START RequestId: {request_id} Version: $LATEST", *environment.new_lines(), f"END {request_id}"]
        self._write_log(f"/aws/lambda/{name}", lines)
        return json.dumps(answer).encode()

    def _start(self, name, configuration):
        (layer,) = configuration["Layers"]
        (executable,) = (self._layers[layer["Arn"]] / "extensions").iterdir()
        session = client(self._moto, "sts").assume_role(RoleArn=configuration["Role"], RoleSessionName=name)
        started = self._environments[name] = PretendedLambda(
            self._folder,
            self._moto,
            session["Credentials"],
            self._code[name],
            name,
            executable,
            **configuration["Environment"]["Variables"],
        )
        return started

    def _write_log(self, group, lines):
        logs, stream, now = client(self._moto, "logs"), uuid.uuid4().hex, round(time.time() * 1000)
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        events = [{"timestamp": e.milliseconds or now, "message": e.message} for e in events_of("\n".join(lines))]
        events.sort(key=lambda event: event["timestamp"])
        logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=events)

    def _events(self, group):
        found = client(self._moto, "logs").filter_log_events(logGroupName=group, limit=10000)["events"]
        return [Event(event["timestamp"], event["message"]) for event in found]

    def _filter_log_events(self, asked):
        matches = compile_pattern(asked["filterPattern"])
        events = [event for event in self._events(asked["logGroupName"]) if matches(event)]
        return {"events": [{"timestamp": event.milliseconds, "message": event.message} for event in events]}

    def _put_query_definition(self, asked):
        definition_id = str(uuid.uuid4())
        self._definitions[definition_id] = asked | {"queryDefinitionId": definition_id}
        return {"queryDefinitionId": definition_id}

    def _describe_query_definitions(self, asked):
        prefix = asked["queryDefinitionNamePrefix"]
        return {"queryDefinitions": [d for d in self._definitions.values() if d["name"].startswith(prefix)]}

    def _delete_query_definition(self, asked):
        del self._definitions[asked["queryDefinitionId"]]
        return {"success": True}

    def _start_query(self, asked):
        events = self._events(asked["logGroupName"])
        within = [e for e in events if asked["startTime"] <= e.milliseconds / 1000 <= asked["endTime"]]
        rows = run(asked["queryString"], within)
        query_id = str(uuid.uuid4())
        self._results[query_id] = [[{"field": f, "value": str(v)} for f, v in row.items()] for row in rows]
        return {"queryId": query_id}

    def _evaluate_alarms(self):
        """Set each alarm to the state that the metric filters make of the logs, if some filter has its metric."""
        cloudwatch, logs = client(self._moto, "cloudwatch"), client(self._moto, "logs")
        filters = [_capitalised(found) for found in logs.describe_metric_filters()["metricFilters"]]
        for alarm in cloudwatch.describe_alarms()["MetricAlarms"]:
            for watched in filters:
                (transformation,) = watched["MetricTransformations"]
                if (transformation["MetricNamespace"], transformation["MetricName"]) != (
                    alarm["Namespace"],
                    alarm["MetricName"],
                ):
                    continue
                values = metrics(watched, self._events(watched["LogGroupName"]))
                times = [milliseconds for milliseconds, _ in values]
                state = "ALARM" if "ALARM" in states(alarm, values, min(times), max(times)) else "OK"
                cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason="evaluated")


def _capitalised(value):
    """Return an answer's document in the form of a template's properties."""
    if isinstance(value, dict):
        return {name[0].upper() + name[1:]: _capitalised(inner) for name, inner in value.items()}
    return [_capitalised(inner) for inner in value] if isinstance(value, list) else value
