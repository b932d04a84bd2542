"""The AWS CLI without its start: a process that has it loaded, and forks for each call.

Loading it takes a second and a half, and the page has some forty calls. `aws` hands over its arguments, folder,
variables and the two ends that it prints to, and exits as the call did.
"""

import contextlib
import io
import json
import os
import socket
import sys
import threading

CLIENT = """#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as server:
    server.connect({path!r})
    socket.send_fds(server, [b"."], [1, 2])
    server.sendall(json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode())
    server.shutdown(socket.SHUT_WR)
    sys.exit(server.recv(1)[0])
"""


def install(folder):
    """Put `aws` into a folder, and return the command of the process behind it, which ends with its standard input."""
    path = folder / "aws.socket"
    client = folder / "aws"
    client.write_text(CLIENT.format(python=sys.executable, path=str(path)))
    client.chmod(0o755)
    return [sys.executable, __file__, str(path)]


def serve(path):
    from awscli.clidriver import create_clidriver

    driver = create_clidriver()
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        driver.main(["--version"])
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            listener.close()
            connection.sendall(bytes([answer(connection, driver)]))
            os._exit(0)
        connection.close()


def answer(connection, driver):
    _, (out, err), *_ = socket.recv_fds(connection, 1, 2)
    with connection.makefile("rb") as asked:
        arguments, folder, variables = json.load(asked)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.chdir(folder)
    os.environ.update(variables)
    try:
        status = driver.main(arguments[1:])
    except SystemExit as error:
        status = error.code
    sys.stdout.flush()
    sys.stderr.flush()
    return status or 0


def end_with_input():
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    serve(sys.argv[1])
