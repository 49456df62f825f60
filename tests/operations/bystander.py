"""Somebody who asks a server the same again and again, in a process of their own.

`bystander.py HOST PORT SECONDS`, with the secret on stdin, writes a JSON list: how many milliseconds
each answer took. Any but the viewer's id is an AssertionError.
"""

import http.client
import json
import sys
import time

PAUSE_SECONDS = 0.005


def main(host: str, port: int, seconds: float, secret: str) -> None:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}
    question = json.dumps({"query": "{ viewer { user { id } } }"})
    waits = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        started = time.perf_counter()
        connection.request("POST", "/graphql", question, headers)
        answer = json.load(connection.getresponse())
        waits.append((time.perf_counter() - started) * 1000)
        assert answer["data"]["viewer"]["user"]["id"], answer
        time.sleep(PAUSE_SECONDS)
    json.dump(waits, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), sys.stdin.read())
