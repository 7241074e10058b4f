"""The load: wrk, which keeps a number of connections busy with one request."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx

_http = httpx.Client(timeout=60)
_SCRIPT = Path(__file__).with_name("request.lua")


@dataclass(frozen=True)
class Target:
    """One request to one server: what is measured."""

    url: str
    token: str
    body: str

    @property
    def headers(self) -> dict[str, str]:
        """What is sent with the request."""
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    def post(self) -> bytes:
        """Send the request once and return the answer."""
        response = _http.post(self.url, content=self.body, headers=self.headers)
        if response.status_code != 200:
            raise RuntimeError(f"{self.url}: {response.status_code} {response.text[:1000]}")
        return response.content


@dataclass(frozen=True)
class Load:
    """How many requests were answered, in which time, and how many bytes came back."""

    requests: int
    seconds: float
    received: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


def put(target: Target, connections: int, seconds: int) -> Load:
    """Put a target under load for some time. Raises RuntimeError when a request fails."""
    headers = [part for name, value in target.headers.items() for part in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", str(_SCRIPT), *headers, target.url]
    environment = os.environ | {"BENCH_BODY": target.body}
    finished = subprocess.run(  # noqa: S603 - the command is ours
        command, env=environment, capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    if finished.returncode:
        raise RuntimeError(f"wrk: {finished.stderr or finished.stdout}")
    summary = json.loads(finished.stdout.splitlines()[-1])
    if summary["errors"] or not summary["requests"]:
        raise RuntimeError(f"{target.url}: {summary['errors']} of {summary['requests']} requests failed")
    return Load(summary["requests"], summary["microseconds"] / 1e6, summary["bytes"])
