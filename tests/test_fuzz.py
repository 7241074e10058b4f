"""Mutated requests against a server of the suite; `python -m bench.fuzz` sends a hundred thousand."""

from __future__ import annotations

import pytest

from bench.fuzz import Connection, Mutations, fault_of, log_faults
from tests.server import SECRET, Server

REQUESTS = 1_000


def test_whatever_is_sent_is_answered_with_sense(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    token = server.token("somebody who mutates requests")
    mutations, connection, faults = Mutations(7, token, SECRET), Connection(server.url), {}
    for number in range(REQUESTS):
        request = mutations.request(number)
        fault = fault_of(request, connection.send(request))
        if fault is not None:
            faults[number] = fault
    connection.close()
    assert faults == {}
    log = "".join(f"{record.getMessage()}\n" for record in caplog.records)
    assert log_faults(log.encode(), token, REQUESTS) == []


def test_a_request_is_the_same_each_time() -> None:
    def sent(seed: int, number: int) -> bytes:
        # The moment of a token that is signed anew is not the seed's.
        return Mutations(seed, "head.claims.signature", SECRET).request(number).body

    assert [sent(1, number) for number in range(50)] == [sent(1, number) for number in range(50)]
    assert [sent(1, number) for number in range(50)] != [sent(2, number) for number in range(50)]
