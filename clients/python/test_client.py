"""Runs every operation as a program would, with what is expected of each answer."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from dossier_client import Dossier
from dossier_client.enums import (
    CaseOrder,
    CaseRole,
    CaseStatus,
    EventOrder,
    EventType,
    FileBatchOrder,
    SearchKind,
    TimePrecision,
    TimeUnit,
)
from dossier_client.exceptions import GraphQLClientGraphQLMultiError, GraphQLClientHttpError
from dossier_client.fragments import CaseDetailCase, TimelineBatch, TimelineEvent
from dossier_client.input_types import (
    AcceptCaseInput,
    AddCommentInput,
    AddFilesInput,
    AddTagsInput,
    CaseFilter,
    CreateCaseInput,
    CreateEventInput,
    CreateEventsInput,
    CreateFileBatchesInput,
    CreateFileBatchInput,
    DeleteCaseInput,
    DeleteCommentInput,
    DeleteEventInput,
    DeleteEventsInput,
    DeleteFileBatchInput,
    EventFilter,
    FileBatchFilter,
    FileFilter,
    FileInput,
    FinishManifestInput,
    NewEvent,
    NewFileBatch,
    RemoveCaseMemberInput,
    RemoveTagsInput,
    SetCaseMemberInput,
    UpdateCaseInput,
    UpdateCommentInput,
    UpdateEventInput,
    UpdateFileBatchInput,
)
from graphql import build_schema, get_named_type, is_input_object_type, is_required_input_field
from pydantic import BaseModel

TOKENS = json.loads(os.environ["DOSSIER_TOKENS"])
FOLDER = Path(__file__).parent.parent
OPTIONAL = json.loads((FOLDER / "optional_fields.json").read_text(encoding="utf-8"))
MARCH = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
NOWHERE = "00000000-0000-7000-8000-000000000000"
Timeline: TypeAlias = tuple[CaseDetailCase, list[TimelineEvent], list[TimelineBatch]]
_used: set[str] = set()


class Recorded(Dossier):
    """The generated client; it keeps the names of the operations that were run."""

    def execute(
        self,
        query: str,
        operation_name: str | None = None,
        variables: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run an operation."""
        _used.add(operation_name or "")
        # Five seconds, httpx's own limit, are few on a machine that compiles at the same time.
        return super().execute(query, operation_name, variables, timeout=60, **kwargs)


def client(user: str) -> Dossier:
    return Recorded(os.environ["DOSSIER_URL"], headers={"Authorization": f"Bearer {TOKENS.get(user, user)}"})


owner, reader, lister, auditor = (client(user) for user in ("owner", "reader", "lister", "auditor"))


@pytest.fixture(scope="module", autouse=True)
def _every_operation_is_run() -> Iterator[None]:
    yield
    texts = "".join(path.read_text(encoding="utf-8") for path in (FOLDER / "operations").glob("*.graphql"))
    assert set(re.findall(r"^(?:query|mutation) (\w+)", texts, re.MULTILINE)) == _used


def new_case(who: Dossier = owner, **given: Any) -> CaseDetailCase:
    made = who.case_changes_create_mutation(CreateCaseInput(**{"title": "A case"} | given)).create_case
    assert made.case is not None
    assert made.errors == []
    return made.case


def new_event(case: str, **given: Any) -> TimelineEvent:
    defaults = {"caseId": case, "title": "An event", "occurredAt": MARCH}
    made = owner.event_changes_create_mutation(CreateEventInput(**defaults | given)).create_event
    assert made.event is not None
    assert made.errors == []
    return made.event


def new_batch(case: str, event: str, **given: Any) -> TimelineBatch:
    defaults = {"caseId": case, "eventId": event, "label": "A batch"}
    made = owner.batch_changes_create_mutation(CreateFileBatchInput(**defaults | given)).create_file_batch
    assert made.file_batch is not None
    assert made.errors == []
    return made.file_batch


def plain(model: BaseModel | None) -> Any:
    return None if model is None else model.model_dump(by_alias=True, exclude_unset=True)


def titles(nodes: Any) -> list[str]:
    return [node.title for node in nodes]


def told(error: Any) -> str:
    """Return what a program would tell its user, each kind of refusal in its own way."""
    match error.typename__:
        case "ConflictError":
            return f"{error.current.typename__} is at version {error.current_version}"
        case "ForbiddenError":
            return f"takes {error.required_role.value}"
        case "InvalidInputError" | "StateError":
            return str(error.message)
        case "NotFoundError":
            return f"nothing at {'.'.join(error.path)}"
    raise AssertionError(error.typename__)


def test_the_viewer() -> None:
    viewer = reader.viewer_query().viewer
    assert plain(viewer) == {"id": viewer.id, "issuer": "", "subject": "python-reader", "name": None, "email": None}
    assert plain(reader.node_lookup_user_query(viewer.id).node) == {"__typename": "User"} | plain(viewer)
    assert lister.node_lookup_user_query(viewer.id).node is None
    with client("nobody") as stranger, pytest.raises(GraphQLClientHttpError, match="401"):
        stranger.viewer_query()


def test_the_list_of_cases() -> None:
    made = {
        title: new_case(lister, title=title, status=status, reference=f"R-{title}")
        for title, status in (("Apples", "OPEN"), ("pears", "ACTIVE"), ("Quinces", "CLOSED"))
    }
    ids = {title: case.id for title, case in made.items()}
    seen = [plain(node) for node in lister.case_list_query().cases.nodes]
    fields = ("id", "number", "title", "reference", "status", "viewerRole")
    assert seen == [{name: plain(made[title])[name] for name in fields} for title in ("Quinces", "pears", "Apples")]
    overview = lister.viewer_with_cases_query(first=1)
    assert overview.viewer.subject == "python-lister"
    assert plain(overview.cases) == {
        "totalCount": 3,
        "nodes": [{"id": ids["Quinces"], "title": "Quinces", "viewerRole": CaseRole.OWNER}],
    }

    first = lister.case_list_page_query(first=2).cases
    cursors = [edge.cursor for edge in first.edges]
    assert plain(first) == {
        "totalCount": 3,
        "edges": [
            {"cursor": cursor, "node": {"id": ids[title], "title": title}}
            for cursor, title in zip(cursors, ("Apples", "pears"), strict=True)
        ],
        "pageInfo": {
            "hasNextPage": True,
            "hasPreviousPage": False,
            "startCursor": cursors[0],
            "endCursor": cursors[1],
        },
    }
    second = lister.case_list_page_query(first=2, after=first.page_info.end_cursor).cases
    assert [edge.node.title for edge in second.edges] == ["Quinces"]
    assert (second.page_info.has_next_page, second.page_info.has_previous_page) == (False, True)
    assert len(lister.case_list_page_query(first=None, after=None).cases.edges) == 3
    last = lister.case_list_back_query(last=1).cases
    assert titles(last.nodes) == ["Quinces"]
    assert titles(lister.case_list_back_query(2, last.page_info.start_cursor).cases.nodes) == ["Apples", "pears"]

    assert plain(lister.case_list_search_query("PEAR")) == {"cases": {"totalCount": 1, "nodes": [{"title": "pears"}]}}
    by_status = lister.case_list_by_status_query
    assert titles(by_status([CaseStatus.OPEN, CaseStatus.CLOSED]).cases.nodes) == ["Apples", "Quinces"]
    assert titles(by_status([]).cases.nodes) == []
    assert titles(by_status(None).cases.nodes) == titles(by_status().cases.nodes) == ["Apples", "pears", "Quinces"]
    filtered = lister.case_list_filter_query
    newest = ["Quinces", "pears", "Apples"]
    assert titles(filtered().cases.nodes) == titles(filtered(None, None).cases.nodes) == newest
    assert titles(filtered(CaseFilter(text=None), []).cases.nodes) == newest
    chosen = CaseFilter(text="r-", status=[CaseStatus.OPEN, CaseStatus.ACTIVE])
    assert titles(filtered(chosen, [CaseOrder.TITLE_DESC]).cases.nodes) == ["pears", "Apples"]
    assert titles(filtered(order_by=[CaseOrder.NUMBER_ASC], first=1).cases.nodes) == ["Apples"]
    orders = lister.case_list_orders_query()
    assert (titles(orders.newest.nodes), titles(orders.oldest.nodes)) == (["Quinces"], ["Apples"])
    assert titles(orders.first_of_the_alphabet.nodes) == ["Apples"]
    counts = plain(lister.case_list_counts_query())
    assert {name: count["totalCount"] for name, count in counts.items()} == {
        "all": 3,
        "open": 1,
        "underWay": 2,
        "closed": 1,
    }

    authors = lister.case_detail_authors_query(ids["pears"]).case
    assert authors is not None
    since = authors.updated_at
    assert titles(lister.case_list_changed_query(since).cases.nodes) == ["pears", "Quinces"]
    assert lister.case_list_created_query().cases.total_count == 3
    assert lister.case_list_created_query(earliest=since, until=None).cases.total_count == 2
    assert lister.case_list_created_query(until=since).cases.total_count == 1
    events = [plain(node.events) for node in lister.case_list_overview_query().cases.nodes]
    assert events == [{"totalCount": 0, "nodes": []}] * 3
    with pytest.raises(GraphQLClientGraphQLMultiError, match="not a cursor"):
        lister.case_list_page_query(after="ff")
    with pytest.raises(GraphQLClientGraphQLMultiError, match="with an offset"):
        lister.case_list_changed_query(since.replace(tzinfo=None))


def test_a_case() -> None:
    case = new_case(description="More", reference="R-1")
    whole = {
        "id": case.id,
        "number": case.number,
        "title": "A case",
        "description": "More",
        "reference": "R-1",
        "status": CaseStatus.OPEN,
        "viewerRole": CaseRole.OWNER,
        "version": 1,
    }
    assert plain(owner.case_detail_query(case.id).case) == whole
    assert reader.case_detail_query(case.id).case is None
    assert plain(auditor.case_detail_query(case.id).case) == whole | {"viewerRole": CaseRole.VIEWER}
    authors = owner.case_detail_authors_query(case.id).case
    assert authors is not None
    assert authors.created_at == authors.updated_at
    assert datetime.now(UTC) - authors.created_at < timedelta(hours=1)
    assert authors.created_by.subject == authors.updated_by.subject == "python-owner"
    optional = owner.case_detail_optional_query
    texts = {"title": "A case", "description": "More", "reference": "R-1"}
    assert plain(optional(case.id, with_members=True).case) == texts | {"members": [{"role": CaseRole.OWNER}]}
    assert plain(optional(case.id, with_members=False, without_text=False).case) == texts
    assert plain(optional(case.id, with_members=False, without_text=True).case) == {"title": "A case"}
    types = owner.case_detail_typenames_query(case.id).case
    assert types is not None
    assert (types.typename__, types.created_by.typename__, types.events.typename__) == (
        "Case",
        "User",
        "EventConnection",
    )
    assert plain(owner.case_detail_two_query(case.id, NOWHERE)) == {"one": {"title": "A case"}, "other": None}


def test_a_case_in_short() -> None:
    case = owner.case_changes_create_short_mutation("Short").create_case.case
    assert case is not None
    assert plain(case) == {"id": case.id, "title": "Short", "status": CaseStatus.ACTIVE}
    renamed = owner.case_changes_rename_mutation(case.id, "Renamed", expected_version=1).update_case
    assert plain(renamed) == {"case": {"title": "Renamed", "version": 2}, "errors": []}
    late = owner.case_changes_rename_mutation(case.id, "Too late", expected_version=1).update_case
    assert (late.case, [told(error) for error in late.errors]) == (None, ["Case is at version 2"])
    assert plain(owner.case_changes_rename_mutation(case.id, "Anyway").update_case.case)["version"] == 3
    describe = owner.case_changes_describe_mutation
    for given, expected, version in (
        ({"description": "More", "reference": "R-1"}, ("More", "R-1"), 4),
        ({}, ("More", "R-1"), 4),
        ({"description": None}, (None, "R-1"), 5),
        ({"description": "Again", "reference": None}, ("Again", None), 6),
    ):
        described = describe(case.id, **given).update_case.case
        assert described is not None
        assert ((described.description, described.reference), described.version) == (expected, version)
    closed = owner.case_changes_close_mutation(case.id).update_case
    assert plain(closed) == {"case": {"status": CaseStatus.CLOSED}, "errors": []}
    forbidden = auditor.case_changes_close_mutation(case.id).update_case.errors
    assert [told(error) for error in forbidden] == ["takes CONTRIBUTOR"]
    (refused,) = owner.case_changes_delete_mutation(DeleteCaseInput(id=case.id)).delete_case.errors
    assert told(refused).startswith("the case is closed, ")
    reopened = owner.case_changes_reopen_mutation(case.id).update_case
    assert plain(reopened) == {"case": {"status": CaseStatus.ACTIVE}, "errors": []}
    gone = owner.case_changes_delete_mutation(DeleteCaseInput(id=case.id)).delete_case
    assert plain(gone) == {"deletedId": case.id, "errors": []}


def test_the_members_of_a_case() -> None:
    case = new_case()
    viewer, self = reader.viewer_query().viewer, owner.viewer_query().viewer
    editor = SetCaseMemberInput(case_id=case.id, subject=viewer.subject, role=CaseRole.EDITOR)
    member = owner.members_set_mutation(editor).set_case_member.member
    assert plain(member) == {"role": CaseRole.EDITOR, "expiresAt": None, "user": plain(viewer)}
    end = datetime(2999, 12, 31, tzinfo=UTC)
    invited = owner.members_invite_mutation(case.id, viewer.subject, expires_at=end).set_case_member
    assert plain(invited) == {"member": {"role": CaseRole.VIEWER, "expiresAt": end}, "errors": []}
    found = reader.case_detail_members_query(case.id).case
    assert found is not None
    members = {member.user.subject: plain(member) for member in found.members}
    assert members == {
        "python-owner": {"role": CaseRole.OWNER, "expiresAt": None, "user": plain(self)},
        "python-reader": {"role": CaseRole.VIEWER, "expiresAt": end, "user": plain(viewer)},
    }
    taken_up = reader.members_accept_mutation(AcceptCaseInput(id=case.id)).accept_case
    assert plain(taken_up) == {"case": {"id": case.id, "viewerAccepted": True}, "errors": []}
    weak = reader.members_invite_mutation(case.id, self.subject).set_case_member.errors
    assert [told(error) for error in weak] == ["takes OWNER"]
    removal = RemoveCaseMemberInput(case_id=case.id, subject=viewer.subject)
    assert plain(owner.members_remove_mutation(removal).remove_case_member) == {"deletedId": viewer.id, "errors": []}
    again = owner.members_remove_mutation(removal).remove_case_member.errors
    assert [told(error) for error in again] == ["nothing at input.subject"]


@pytest.fixture(scope="module")
def timeline() -> Timeline:
    case = new_case()
    events = [
        new_event(
            case.id,
            title=f"Day {day}",
            type=type_,
            occurredAt=datetime(2026, 1, day, tzinfo=UTC),
            timePrecision=TimePrecision.DAY,
        )
        for day, type_ in enumerate((EventType.FINDING, EventType.ACTION, EventType.NOTE), start=1)
    ]
    batches = [
        new_batch(case.id, events[0].id, label="First", fileCount=7000, fileTypes=".pdf", sortOrder=1),
        new_batch(case.id, events[0].id, label="Second", fileCount=3, sortOrder=2),
    ]
    return case, events, batches


def test_pages_of_a_timeline(timeline: Timeline) -> None:
    case, (one, two, three), (first, second) = timeline
    page = owner.timeline_query(case.id, first=2).case
    assert page is not None
    none = {"totalCount": 0, "nodes": []}
    assert plain(page)["events"]["nodes"] == [
        plain(one) | {"fileBatches": {"totalCount": 2, "nodes": [plain(first), plain(second)]}},
        plain(two) | {"fileBatches": none},
    ]
    rest = owner.timeline_query(case.id, after=page.events.page_info.end_cursor).case
    assert rest is not None
    assert plain(rest)["events"] == {
        "totalCount": 3,
        "nodes": [plain(three) | {"fileBatches": none}],
        "pageInfo": {"hasNextPage": False, "endCursor": rest.events.page_info.end_cursor},
    }


def test_parts_of_a_timeline(timeline: Timeline) -> None:
    case, (_, two, three), _ = timeline
    filters: list[tuple[dict[str, Any], list[str]]] = [
        ({}, ["Day 1", "Day 2", "Day 3"]),
        ({"where": EventFilter(type_=[EventType.NOTE], text=None), "order_by": None}, ["Day 3"]),
        ({"where": EventFilter(text="DAY", occurred_before=two.occurred_at)}, ["Day 1"]),
        ({"order_by": [EventOrder.OCCURRED_AT_DESC]}, ["Day 3", "Day 2", "Day 1"]),
    ]
    for given, expected in filters:
        filtered = owner.timeline_filtered_query(case.id, **given).case
        assert filtered is not None
        assert (filtered.events.total_count, titles(filtered.events.nodes)) == (len(expected), expected)
    back = owner.timeline_back_query(case.id, last=1).case
    assert back is not None
    assert (titles(back.events.nodes), back.events.page_info.has_previous_page) == (["Day 3"], True)
    further = owner.timeline_back_query(case.id, last=5, before=back.events.page_info.start_cursor).case
    assert further is not None
    assert titles(further.events.nodes) == ["Day 1", "Day 2"]
    between = owner.timeline_between_query(case.id, two.occurred_at, three.occurred_at).case
    assert plain(between)["events"]["nodes"] == [
        {
            "title": "Day 2",
            "occurredAt": two.occurred_at,
            "occurredUntil": None,
            "timePrecision": TimePrecision.DAY,
        }
    ]
    findings = plain(owner.timeline_findings_query(case.id).case)
    assert findings["events"]["nodes"] == [{"title": "Day 1", "type": EventType.FINDING}]
    assert plain(owner.timeline_search_query(case.id, "y 2").case)["events"]["nodes"] == [{"title": "Day 2"}]
    counts = plain(owner.timeline_counts_query(case.id).case)
    assert [counts[name]["totalCount"] for name in ("all", "findings", "rest")] == [3, 1, 2]
    notes = EventFilter(type=[EventType.NOTE])
    over_time = owner.timeline_over_time_query(case.id, TimeUnit.MONTH, where=notes).case
    assert over_time is not None
    assert plain(over_time)["eventCounts"] == [
        {"from": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2026, 2, 1, tzinfo=UTC), "count": 1}
    ]
    assert over_time.last_activity_at > three.occurred_at
    changed = owner.timeline_changed_query(case.id, datetime(2000, 1, 1, tzinfo=UTC)).case
    assert plain(changed)["events"]["totalCount"] == 3


def test_the_batches_of_a_timeline(timeline: Timeline) -> None:
    case, _, _ = timeline
    edges = owner.timeline_edges_query(case.id, batches=1).case
    assert edges is not None
    stacks = [edge.node.file_batches for edge in edges.events.edges]
    assert [[edge.node.label for edge in stack.edges] for stack in stacks] == [["First"], [], []]
    assert [stack.page_info.has_next_page for stack in stacks] == [True, False, False]
    turned = owner.timeline_batch_order_query(case.id, [FileBatchOrder.SORT_ORDER_DESC]).case
    assert plain(turned)["events"]["nodes"][0]["fileBatches"]["nodes"] == [{"label": "Second"}, {"label": "First"}]
    found = owner.timeline_batches_query(case.id, FileBatchFilter(text="FIRST"), [FileBatchOrder.CREATED_AT_DESC]).case
    assert plain(found)["fileBatches"]["nodes"] == [{"label": "First", "event": {"title": "Day 1"}}]
    stacked = plain(owner.timeline_stacks_query(case.id, with_batches=True).case)["events"]["nodes"][0]
    assert stacked == {"title": "Day 1", "fileBatches": {"nodes": [{"fileCount": 7000}, {"fileCount": 3}]}}
    bare = plain(owner.timeline_stacks_query(case.id, with_batches=False).case)["events"]["nodes"][0]
    assert bare == {"title": "Day 1"}


def test_many_at_once_with_tags_and_comments_and_what_finds_them() -> None:
    case = new_case(title="Harbour").id
    rows = [NewEvent(title=f"Crane {number}", occurred_at=MARCH) for number in range(3)]
    made = owner.finding_create_events_mutation(CreateEventsInput(case_id=case, items=rows)).create_events
    one, two, three = made.events
    assert (titles(made.events), made.errors) == (["Crane 0", "Crane 1", "Crane 2"], [])
    blank = [NewEvent(title="Crane 3", occurred_at=MARCH), NewEvent(title=" ", occurred_at=MARCH)]
    refused = owner.finding_create_events_mutation(CreateEventsInput(case_id=case, items=blank)).create_events
    assert [(told(error), error.path) for error in refused.errors] == [
        ("`items[1].title` must not be blank", ["input", "items", "1", "title"])
    ]
    batches = [NewFileBatch(event_id=one.id, label="Gantry"), NewFileBatch(event_id=two.id, label="Winch")]
    given = CreateFileBatchesInput(case_id=case, items=batches)
    labelled = owner.finding_create_file_batches_mutation(given).create_file_batches
    assert ([batch.label for batch in labelled.file_batches], labelled.errors) == (["Gantry", "Winch"], [])
    gantry = labelled.file_batches[0].id

    ids = [case, one.id, gantry]
    tagged = owner.finding_add_tags_mutation(AddTagsInput(case_id=case, ids=ids, tags=["Port", "Night"])).add_tags
    assert (plain(tagged)["nodes"], tagged.errors) == (
        [
            {"__typename": "Case", "id": case},
            {"__typename": "Event", "id": one.id},
            {"__typename": "FileBatch", "id": gantry},
        ],
        [],
    )
    less = RemoveTagsInput(case_id=case, ids=[gantry], tags=["night"])
    assert owner.finding_remove_tags_mutation(less).remove_tags.errors == []
    assert plain(owner.finding_tagged_query(case, ["port"]).case) == {
        "tags": ["Port", "Night"],
        "tagCounts": [{"tag": "Port", "count": 3}, {"tag": "Night", "count": 2}],
        "events": {"nodes": [{"title": "Crane 0", "tags": ["Port", "Night"]}]},
        "fileBatches": {"nodes": [{"label": "Gantry", "tags": ["Port"]}]},
    }

    remark = AddCommentInput(case_id=case, on=two.id, text="Moved by nobody")
    said = owner.finding_add_comment_mutation(remark).add_comment.comment
    assert said is not None
    assert plain(said) == {
        "id": said.id,
        "text": "Moved by nobody",
        "edited": False,
        "version": 1,
        "on": {"__typename": "Event", "id": two.id},
        "createdBy": {"subject": "python-owner"},
    }
    found = owner.finding_search_query("NOBODY").search
    assert plain(found)["nodes"] == [
        {
            "kind": "COMMENT",
            "excerpt": "Moved by nobody",
            "case": {"number": found.nodes[0].case.number, "title": "Harbour"},
            "node": {"__typename": "Comment", "id": said.id},
        }
    ]
    page = owner.finding_search_query("crane", [SearchKind.EVENT, SearchKind.CASE], 2).search
    assert ([hit.excerpt for hit in page.nodes], page.total_count) == (["Crane 2", "Crane 1"], 3)
    rest = owner.finding_search_query("crane", [SearchKind.EVENT], 2, page.page_info.end_cursor).search
    assert ([hit.excerpt for hit in rest.nodes], rest.page_info.has_next_page) == (["Crane 0"], False)
    assert reader.finding_search_query("nobody").search.total_count == 0

    edit = UpdateCommentInput(case_id=case, id=said.id, text="Moved by somebody")
    edited = owner.finding_update_comment_mutation(edit).update_comment.comment
    assert edited is not None
    assert (edited.text, edited.edited, edited.version) == ("Moved by somebody", True, 2)
    assert plain(owner.finding_comments_query(case, two.id).event) == {
        "comments": {"totalCount": 1, "nodes": [plain(edited)]}
    }
    withdrawn = owner.finding_delete_comment_mutation(DeleteCommentInput(case_id=case, id=said.id)).delete_comment
    assert plain(withdrawn) == {"deletedId": said.id, "errors": []}
    ends = DeleteEventsInput(case_id=case, ids=[one.id, three.id])
    assert plain(owner.finding_delete_events_mutation(ends).delete_events) == {"deletedIds": ends.ids, "errors": []}
    again = owner.finding_delete_events_mutation(ends).delete_events
    assert [told(error) for error in again.errors] == ["nothing at input.ids.0", "nothing at input.ids.1"]


def test_files_are_listed_finished_once_and_found() -> None:
    case = new_case(title="Depot").id
    event = new_event(case).id
    batch = new_batch(case, event, label="Pallets").id
    one, two = os.urandom(32).hex(), os.urandom(32).hex()
    files = [
        FileInput(path="b.txt", size=2**40, sha256=one, md5="0" * 32, modified_at=MARCH),
        FileInput(path="a.txt", size=5, sha256=two.upper()),
    ]
    given = AddFilesInput(case_id=case, event_id=event, file_batch_id=batch, files=files)
    assert plain(owner.files_add_mutation(given).add_files) == {"fileBatch": {"id": batch}, "errors": []}
    finish = FinishManifestInput(case_id=case, event_id=event, file_batch_id=batch, file_count=1)
    early = owner.files_finish_mutation(finish).finish_manifest
    assert [told(error) for error in early.errors] == ["`fileCount` is 1, but 2 files were added"]
    finish.file_count = 2
    done = owner.files_finish_mutation(finish).finish_manifest
    digest = hashlib.sha256(f"{two}  a.txt\n{one}  b.txt\n".encode()).hexdigest()
    totals = {"fileCount": 2, "totalBytes": 2**40 + 5}
    assert plain(done) == {"fileBatch": {**totals, "version": 2, "manifest": {"sha256": digest}}, "errors": []}
    late = owner.files_add_mutation(given).add_files
    assert [told(error) for error in late.errors] == [
        "`fileBatchId` has a manifest that is finished, and never changes"
    ]

    page = owner.files_query(case, event, batch, first=1).file_batch
    assert page is not None
    assert page.manifest is not None
    by = {"finishedAt": page.manifest.finished_at, "finishedBy": {"subject": "python-owner"}}
    assert plain(page)["manifest"] == {"sha256": digest, **totals, **by}
    nothing = {"pathBytes": None, "modifiedAt": None, "sha1": None, "md5": None}
    (first,) = page.files.nodes
    assert plain(first) == {"id": first.id, "path": "a.txt", "size": 5, "sha256": two, **nothing}
    rest = owner.files_query(case, event, batch, after=page.files.page_info.end_cursor).file_batch
    assert rest is not None
    assert ([file.path for file in rest.files.nodes], rest.files.total_count) == (["b.txt"], 2)
    ways = [FileFilter(text="B.T"), FileFilter(hash=one), FileFilter(hash="0" * 32), FileFilter(path_prefix="b")]
    for where in ways:
        found = owner.files_query(case, event, batch, where).file_batch
        assert found is not None
        assert found.files.nodes == rest.files.nodes
    hits = owner.files_by_hash_query(one).files_by_hash
    assert [(hit.path, hit.file_batch.label, hit.file_batch.event.case.title) for hit in hits.nodes] == [
        ("b.txt", "Pallets", "Depot")
    ]
    assert reader.files_by_hash_query(one).files_by_hash.total_count == 0


def test_events_and_batches_by_their_paths_and_the_way_back_up(timeline: Timeline) -> None:
    case, (one, two, _), (first, _) = timeline
    assert plain(owner.event_detail_query(case.id, one.id).event) == plain(one)
    assert owner.event_detail_query(NOWHERE, one.id).event is None
    assert plain(owner.case_detail_event_query(case.id, two.id).case) == {
        "title": "A case",
        "event": {"title": "Day 2"},
    }
    me = {"subject": "python-owner"}
    assert plain(owner.event_detail_back_query(case.id, one.id).event) == {
        "title": "Day 1",
        "case": {"id": case.id, "title": "A case", "status": CaseStatus.OPEN},
        "createdBy": me,
        "updatedBy": me,
    }
    assert plain(owner.event_detail_batch_query(case.id, one.id, first.id).event) == {"fileBatch": plain(first)}
    assert plain(owner.event_detail_batch_query(case.id, two.id, first.id).event) == {"fileBatch": None}
    batches = owner.event_detail_batch_page_query(case.id, one.id, 1).event
    assert batches is not None
    after = batches.file_batches.page_info.end_cursor
    assert ([batch.label for batch in batches.file_batches.nodes], batches.file_batches.total_count) == (["First"], 2)
    following = plain(owner.event_detail_batch_page_query(case.id, one.id, 1, after).event)
    assert following["fileBatches"]["nodes"] == [{"label": "Second"}]
    path = (case.id, one.id, first.id)
    assert plain(owner.batch_detail_query(*path).file_batch) == plain(first)
    assert owner.batch_detail_query(case.id, two.id, first.id).file_batch is None
    assert plain(owner.batch_detail_back_query(*path).file_batch) == {
        "label": "First",
        "createdBy": me,
        "event": {"title": "Day 1", "case": {"title": "A case"}},
    }
    siblings = plain(owner.batch_detail_siblings_query(*path).file_batch)
    assert siblings["event"]["fileBatches"]["nodes"] == [{"label": "First"}, {"label": "Second"}]


def test_whatever_has_an_id(timeline: Timeline) -> None:
    case, (one, _, _), (first, _) = timeline
    ids = [first.id, NOWHERE, case.id, one.id]
    names = ["FileBatch", None, "Case", "Event"]
    found = owner.node_lookup_many_query(ids).nodes
    assert [plain(node) for node in found] == [
        None if name is None else {"__typename": name, "id": id_} for name, id_ in zip(names, ids, strict=True)
    ]
    assert [plain(node) for node in owner.node_lookup_versions_query(ids).nodes] == [
        None if name is None else {"__typename": name, "version": 1} for name in names
    ]
    assert plain(owner.node_lookup_query(case.id).node) == {"__typename": "Case", "id": case.id}
    assert reader.node_lookup_query(case.id).node is None
    typed = {"__typename": "Event", "occurredAt": one.occurred_at, "title": "Day 1"}
    assert plain(owner.node_lookup_typed_query(one.id).node) == typed
    assert plain(owner.node_lookup_fragments_query(first.id).node) == {"__typename": "FileBatch"} | plain(first)


def test_events_and_batches_in_short() -> None:
    case = new_case().id
    event = owner.event_changes_note_mutation(case, "Noted", MARCH).create_event.event
    assert event is not None
    assert plain(event) == {
        "id": event.id,
        "type": EventType.NOTE,
        "title": "Noted",
        "description": None,
        "occurredAt": MARCH,
        "occurredUntil": None,
        "timePrecision": TimePrecision.EXACT,
        "sortOrder": 0,
        "source": None,
        "timeKind": None,
        "utcOffset": None,
        "version": 1,
    }
    end, midnight = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    moves: list[tuple[dict[str, Any], tuple[Any, ...]]] = [
        ({"occurred_until": end, "time_precision": TimePrecision.MINUTE}, (MARCH, end)),
        ({}, (MARCH, end)),
        ({"occurred_at": midnight, "occurred_until": None}, (midnight, None)),
    ]
    for given, expected in moves:
        moved = owner.event_changes_move_mutation(case, event.id, **given).update_event.event
        assert moved is not None
        assert (moved.occurred_at, moved.occurred_until) == expected
        assert moved.time_precision is TimePrecision.MINUTE
    early = datetime(2020, 1, 1, tzinfo=UTC)
    wrong = owner.event_changes_move_mutation(case, event.id, occurred_until=early).update_event.errors
    assert [told(error) for error in wrong] == ["`occurredUntil` must not lie before `occurredAt`"]
    retyped = owner.event_changes_retype_mutation(case, event.id, EventType.FINDING, 3).update_event
    assert plain(retyped) == {"event": {"type": EventType.FINDING, "version": 4}, "errors": []}
    late = owner.event_changes_retype_mutation(case, event.id, EventType.FINDING, 3).update_event.errors
    assert [told(error) for error in late] == ["Event is at version 4"]

    pair = owner.batch_changes_pair_mutation(case, event.id, one="One", other=" ")
    batch = pair.one.file_batch
    assert batch is not None
    assert plain(pair) == {
        "one": {"fileBatch": {"id": batch.id, "label": "One"}, "errors": []},
        "other": {"fileBatch": None, "errors": [{"__typename": "InvalidInputError", "path": ["input", "label"]}]},
    }
    another = CreateFileBatchInput(case_id=case, event_id=event.id, label="Another")
    assert plain(owner.batch_changes_create_on_event_mutation(another).create_file_batch) == {
        "fileBatch": {"label": "Another", "event": {"title": "Noted", "fileBatches": {"totalCount": 2}}},
        "errors": [],
    }
    path = (case, event.id, batch.id)
    counted = owner.batch_changes_recount_mutation(*path, file_count=12).update_file_batch
    assert plain(counted) == {"fileBatch": {"fileCount": 12, "version": 2}, "errors": []}
    conflict = owner.batch_changes_recount_mutation(*path, file_count=13, expected_version=1).update_file_batch.errors
    assert [told(error) for error in conflict] == ["FileBatch is at version 2"]
    described = owner.batch_changes_describe_mutation(*path, description="More", file_types=".pdf").update_file_batch
    assert plain(described.file_batch) == {"description": "More", "fileTypes": ".pdf", "version": 3}
    cleared = owner.batch_changes_describe_mutation(*path, description=None).update_file_batch
    assert plain(cleared.file_batch) == {"description": None, "fileTypes": ".pdf", "version": 4}
    removal = DeleteFileBatchInput(case_id=case, event_id=event.id, id=batch.id)
    deleted = owner.batch_changes_delete_mutation(removal).delete_file_batch
    assert plain(deleted) == {"deletedId": batch.id, "errors": []}
    end_of_event = DeleteEventInput(case_id=case, id=event.id)
    gone = owner.event_changes_delete_mutation(end_of_event).delete_event
    assert plain(gone) == {"deletedId": event.id, "errors": []}
    again = owner.event_changes_delete_mutation(end_of_event).delete_event.errors
    assert [told(error) for error in again] == ["nothing at input.id"]


CASE: dict[str, Any] = {"title": "A case", "description": "More about it", "reference": "D-1", "status": "ACTIVE"}
EVENT: dict[str, Any] = {
    "title": "An event",
    "description": "More about it",
    "type": "ACTION",
    "occurredAt": MARCH,
    "occurredUntil": datetime(2026, 3, 3, tzinfo=UTC),
    "timePrecision": "MINUTE",
    "sortOrder": 7,
    "source": "a.log",
    "timeKind": "Log time",
    "utcOffset": "+02:00",
}
BATCH: dict[str, Any] = {
    "label": "A batch",
    "description": "More about it",
    "fileCount": 7,
    "fileTypes": ".pdf",
    "sortOrder": 7,
}


def create_case(given: dict[str, Any]) -> BaseModel:
    return owner.case_changes_create_mutation(CreateCaseInput(title="A case", **given)).create_case


def update_case(given: dict[str, Any]) -> BaseModel:
    return owner.case_changes_update_mutation(UpdateCaseInput(id=new_case(**CASE).id, **given)).update_case


def delete_case(given: dict[str, Any]) -> BaseModel:
    return owner.case_changes_delete_mutation(DeleteCaseInput(id=new_case().id, **given)).delete_case


def create_event(given: dict[str, Any]) -> BaseModel:
    required = {"caseId": new_case().id, "title": "An event", "occurredAt": MARCH}
    return owner.event_changes_create_mutation(CreateEventInput(**required, **given)).create_event


def update_event(given: dict[str, Any]) -> BaseModel:
    case = new_case().id
    required = {"caseId": case, "id": new_event(case, **EVENT).id}
    return owner.event_changes_update_mutation(UpdateEventInput(**required, **given)).update_event


def delete_event(given: dict[str, Any]) -> BaseModel:
    case = new_case().id
    required = {"caseId": case, "id": new_event(case).id}
    return owner.event_changes_delete_mutation(DeleteEventInput(**required, **given)).delete_event


def create_file_batch(given: dict[str, Any]) -> BaseModel:
    case = new_case().id
    required = {"caseId": case, "eventId": new_event(case).id, "label": "A batch"}
    return owner.batch_changes_create_mutation(CreateFileBatchInput(**required, **given)).create_file_batch


def update_file_batch(given: dict[str, Any]) -> BaseModel:
    case = new_case().id
    event = new_event(case).id
    required = {"caseId": case, "eventId": event, "id": new_batch(case, event, **BATCH).id}
    return owner.batch_changes_update_mutation(UpdateFileBatchInput(**required, **given)).update_file_batch


def delete_file_batch(given: dict[str, Any]) -> BaseModel:
    case = new_case().id
    event = new_event(case).id
    required = {"caseId": case, "eventId": event, "id": new_batch(case, event).id}
    return owner.batch_changes_delete_mutation(DeleteFileBatchInput(**required, **given)).delete_file_batch


def set_case_member(given: dict[str, Any]) -> BaseModel:
    subject = reader.viewer_query().viewer.subject
    required = {"caseId": new_case().id, "subject": subject, "role": "VIEWER"}
    return owner.members_set_mutation(SetCaseMemberInput(**required, **given)).set_case_member


def remove_case_member(given: dict[str, Any]) -> BaseModel:
    required = {"caseId": new_case().id, "subject": reader.viewer_query().viewer.subject}
    owner.members_invite_mutation(required["caseId"], required["subject"])
    return owner.members_remove_mutation(RemoveCaseMemberInput(**required, **given)).remove_case_member


RUNS: dict[str, Callable[[dict[str, Any]], BaseModel]] = {
    "createCase": create_case,
    "updateCase": update_case,
    "deleteCase": delete_case,
    "createEvent": create_event,
    "updateEvent": update_event,
    "deleteEvent": delete_event,
    "createFileBatch": create_file_batch,
    "updateFileBatch": update_file_batch,
    "deleteFileBatch": delete_file_batch,
    "setCaseMember": set_case_member,
    "acceptCase": lambda _: owner.members_accept_mutation(AcceptCaseInput(id=new_case().id)).accept_case,
    "removeCaseMember": remove_case_member,
}


@pytest.mark.parametrize("kind", ["absent", "null", "value"])
@pytest.mark.parametrize(
    ("mutation", "field"), [(name, field) for name, fields in OPTIONAL.items() for field in fields]
)
def test_absent_null_and_a_value(mutation: str, field: str, kind: str) -> None:
    outcomes = OPTIONAL[mutation][field]
    given = {"absent": {}, "null": {field: None}, "value": {field: outcomes["value"]}}[kind]
    payload = plain(RUNS[mutation](given))
    errors = payload.pop("errors")
    (shown,) = payload.values()
    if outcomes[kind] == "refused":
        assert shown is None
        assert [(error["__typename"], error["path"]) for error in errors] == [("InvalidInputError", ["input", field])]
    elif mutation.startswith(("delete", "remove")):
        assert (isinstance(shown, str), errors) == (True, [])
    else:
        shown |= shown.get("user", {})
        value = shown["version" if field == "expectedVersion" else field]
        written = f"{value:%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value
        assert (written, errors) == (outcomes[kind], [])


def test_the_optional_fields_are_those_of_the_schema() -> None:
    schema = build_schema((FOLDER / "schema.graphql").read_text(encoding="utf-8"))
    assert schema.mutation_type is not None
    optional: dict[str, list[str]] = {}
    for name, mutation in schema.mutation_type.fields.items():
        type_ = get_named_type(mutation.args["input"].type)
        assert is_input_object_type(type_)
        # All have a `requestId`, which says nothing of what is to be changed.
        fields = {field: of for field, of in type_.fields.items() if field != "requestId"}
        optional[name] = [field for field, of in fields.items() if not is_required_input_field(of)]
    # What keeps a case and what removes it for good no form of an everyday app sends.
    others = {"sealCase", "unsealCase", "retainCase", "placeHold", "releaseHold", "restore", "purge", "erase"}
    # And these operations have no form yet.
    others |= {"addTags", "removeTags", "addComment", "updateComment", "deleteComment"}
    others |= {"createEvents", "deleteEvents", "createFileBatches", "addFiles", "finishManifest"}
    assert optional.keys() - OPTIONAL.keys() == others
    assert {name: fields for name, fields in optional.items() if name not in others} == {
        name: list(fields) for name, fields in OPTIONAL.items()
    }
