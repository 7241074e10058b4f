"""File batches, from their creation to their end."""

from __future__ import annotations

from tests.server import Client


def test_create_returns_the_batch(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    payload = alice.change(
        "createFileBatch",
        """
        fileBatch { label fileCount description fileTypes sortOrder version event { id case { id } } }
        errors { message }
        """,
        caseId=case,
        eventId=event,
        label="Invoices",
        fileCount=7000,
        fileTypes=".pdf, .docx",
    )
    assert payload == {
        "fileBatch": {
            "label": "Invoices",
            "fileCount": 7000,
            "description": None,
            "fileTypes": ".pdf, .docx",
            "sortOrder": 0,
            "version": 1,
            "event": {"id": event, "case": {"id": case}},
        },
        "errors": [],
    }


def test_they_are_listed_by_sort_order(alice: Client) -> None:
    case = alice.create_case()
    event = alice.create_event(case)
    for label, order in (("third", 3), ("first", -1), ("second", 2)):
        alice.create_batch(case, event, label=label, sortOrder=order)
    query = "query ($case: ID!) { case(id: $case) { events { nodes { fileBatches { nodes { label } } } } } }"
    (node,) = alice.run(query, case=case)["case"]["events"]["nodes"]
    assert node["fileBatches"]["nodes"] == [{"label": "first"}, {"label": "second"}, {"label": "third"}]
