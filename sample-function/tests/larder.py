"""The real executable beside a pretended function: Larder outside Lambda, with a role's credentials."""

import platform
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

from cloudwatch.events import events_of
from schema import check_lines
from servers import REGION, Server, free_port

ARCHITECTURE = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
EXECUTABLE = Path(__file__).parent.parent.parent / "build" / ARCHITECTURE / "larder"
TOKEN = "the-functions-token"


class Larder(Server):
    def __init__(self, folder, url, credentials, function="orders", executable=EXECUTABLE, **variables):
        port = free_port()
        environ = {
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
            "AWS_SESSION_TOKEN": credentials["SessionToken"],
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_VERSION": "7",
            "LARDER_TOKEN": TOKEN,
            "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(port),
        }
        super().__init__(f"larder-{port}", [str(executable)], folder, port, **environ | variables)

    def secret(self, secret_id, **query):
        """Read a secret, and return the status and the body."""
        return self.get("/secretsmanager/get", secretId=secret_id, **query)

    def parameter(self, name, **query):
        """Read a parameter with decryption, and return the status and the body."""
        return self.get("/systemsmanager/parameters/get", name=name, withDecryption="true", **query)

    def get(self, path, token=TOKEN, request_id=None, **query):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"X-Aws-Parameters-Secrets-Token": token} | (
            {"X-Larder-Request-Id": request_id} if request_id else {}
        )
        try:
            connection.request("GET", f"{path}?{urlencode(query)}", headers=headers)
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def stop(self):
        super().stop()
        check_lines(self.log.read_text())

    def stopped_log(self):
        """End the process, which writes all records first, and return its log."""
        self.stop()
        return self.log.read_text()

    def records(self):
        """End the process, and return its access records."""
        documents = [event.document for event in events_of(self.stopped_log())]
        return [document for document in documents if document and document.get("type") == "larder.access"]
