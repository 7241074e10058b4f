"""The matrix: who gets what, for every field, argument and change in the schema, by every way that leads there.

The first two tables are the rules; whoever audits Dossier may stop reading there. What is tried is derived
from the schema (`matrix.py`), so a field that is added is tried, and fails here until it has a rule. What is
missing and what is someone else's must be one answer to the last byte; the same in time is measured by
`bench/oracle.py`. The last part breaks the rules on purpose and expects to be told.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import asyncpg
import httpx
import orjson
import pytest
from graphql import GraphQLEnumType, extend_schema, get_named_type, parse
from sqlalchemy import and_, exists, select, true

from app import ownership
from app.db import Statement, postgresql
from app.db.models import CaseMember, table_of
from app.errors import Forbidden, NotFound
from app.identity import tokens
from app.ownership import Viewer
from app.reading import lists, nouns, statements
from app.reading.statements import MAX_NESTING
from app.schema import executable
from app.values import new_id, parse_id
from tests.conftest import KINDS
from tests.matrix import (
    AT_ONCE,
    CALLERS,
    FEED,
    PAGE,
    Caller,
    Document,
    Mutation,
    Values,
    World,
    chunks,
    fields,
    forged,
    make_case,
    make_world,
    mutations,
    prepare,
    query_of,
    reading_addresses,
    reading_documents,
    to_be_tried,
    whole,
    write_call,
)
from tests.server import Server, serving

# What is tried at once is more than a client would ask for.
LIMITS = {"DOSSIER_MAX_REPEATS": "10", "DOSSIER_MAX_READS": "500"}

# What a caller gets who asks for something by its right address.
#   401      is turned away before the document is read
#   nothing  the very bytes that anyone gets who asks for what never existed
#   all      the very bytes that the owner gets, but for `viewerRole`
#   denied   a ForbiddenError that names the role it takes; nothing changes
#   done     it is done
#                 anonymous  old token  stranger  ended role  VIEWER  CONTRIBUTOR  EDITOR  OWNER   auditor  admin
ANSWERS = {
    "anyone":      "401        401        done      done        done    done         done    done    done     done",
    "in the case": "401        401        nothing   nothing     all     all          all     all     all      all",
    "VIEWER":      "401        401        nothing   nothing     done    done         done    done    done     done",
    "CONTRIBUTOR": "401        401        nothing   nothing     denied  done         done    done    denied   done",
    "EDITOR":      "401        401        nothing   nothing     denied  denied       done    done    denied   done",
    "OWNER":       "401        401        nothing   nothing     denied  denied       denied  done    denied   done",
    "CONTRIBUTOR author": "401 401     nothing   nothing     denied  denied       denied  done    denied   done",
    "OWNER later": "401        401        nothing   nothing     denied  denied       denied  denied  denied   done",
}  # fmt: skip

# Which rule a field has. What lies below a row has none of its own:
#   with its row       whoever gets the row gets it, and nobody else
#   with its answer    a part of the payload, to whoever made the call
RULES = {
    "Query": {
        "viewer": "anyone",  # themselves, see test_a_viewer_is_whoever_calls
        "node": "in the case",  # a user: in a case with them
        "nodes": "in the case",
        "case": "in the case",
        "cases": "in the case",
        "search": "in the case",
        "filesByHash": "in the case",
        "trash": "anyone",  # of which they were an owner, see test_kept.py
        "event": "in the case",
        "fileBatch": "in the case",
        "changes": "in the case",  # as any case that isn't there: it was left
        "checkpoint": "anyone",  # as it names nothing, see test_a_checkpoint_is_the_same_for_everybody
    },
    "Mutation": {
        "createCase": "anyone",
        "updateCase": "CONTRIBUTOR",
        "deleteCase": "OWNER",
        "createEvent": "CONTRIBUTOR",
        "updateEvent": "CONTRIBUTOR",
        "deleteEvent": "EDITOR",
        "createEvents": "CONTRIBUTOR",
        "deleteEvents": "EDITOR",
        "createFileBatches": "CONTRIBUTOR",
        "createFileBatch": "CONTRIBUTOR",
        "updateFileBatch": "CONTRIBUTOR",
        "deleteFileBatch": "EDITOR",
        "addFiles": "CONTRIBUTOR",
        "finishManifest": "CONTRIBUTOR",
        "addTags": "CONTRIBUTOR",
        "removeTags": "CONTRIBUTOR",
        "addComment": "CONTRIBUTOR",
        "updateComment": "CONTRIBUTOR author",  # here the owner
        "deleteComment": "EDITOR",  # one's own: CONTRIBUTOR, see test_comments.py
        "sealCase": "OWNER",
        "unsealCase": "OWNER",
        "retainCase": "OWNER",
        "placeHold": "OWNER",
        "releaseHold": "OWNER",
        "restore": "EDITOR",  # a case: OWNER, see test_kept.py
        "purge": "OWNER later",
        "erase": "OWNER",
        "setCaseMember": "OWNER",
        "acceptCase": "VIEWER",
        "removeCaseMember": "OWNER",  # themselves: any member, see test_members.py
    },
    "with its row": {
        "User": "id issuer subject name email",
        "Case": """
            id number title description reference status viewerRole viewerAccepted members events eventCounts event
            fileBatches history journal trash seal holds retainUntil
            version createdAt createdBy updatedAt lastActivityAt updatedBy tags tagCounts comments
        """,
        "TagCount": "tag count",
        "SearchHit": "kind node case excerpt",
        "SearchConnection": "edges nodes pageInfo totalCount",
        "SearchEdge": "cursor node",
        "Comment": "id on text edited editedAt history version createdAt createdBy updatedAt updatedBy",
        "Seal": "at by reason root",
        "Hold": "id name reason reference placedAt placedBy releasedAt releasedBy releaseReason",
        "CaseMember": "user role expiresAt accepted",
        "Event": """
            id case type title description occurredAt occurredUntil timePrecision sortOrder source timeKind utcOffset
            fileBatches fileBatch
            history version createdAt createdBy updatedAt updatedBy tags comments
        """,
        "EventCount": "from until count",
        "Manifest": "sha256 fileCount totalBytes finishedAt finishedBy",
        "File": "id fileBatch path pathBytes size modifiedAt sha256 sha1 md5",
        "FileBatch": """
            id event label fileCount totalBytes manifest files description fileTypes sortOrder
            history version createdAt createdBy updatedAt updatedBy tags comments
        """,
        "Change": "id seq at by kind on fields reason requestId erased",
        "ChangeSubject": "type id label version node",
        "FieldChange": "name before after",
        "Journal": "size root",
        "ChangeFeed": "entries endCursor upToDate",
        "FeedEntry": "cursor kind caseId change",
        "Checkpoint": "text size at",
        **{
            f"{noun}{part}": names
            for noun in ("Case", "Event", "FileBatch", "Change", "Comment", "File")
            for part, names in {"Connection": "edges nodes pageInfo totalCount", "Edge": "cursor node"}.items()
        },
        "PageInfo": "hasNextPage hasPreviousPage startCursor endCursor",
    },
    "with its answer": {
        "CreateCasePayload": "case change replayed errors",
        "UpdateCasePayload": "case change replayed errors",
        "DeleteCasePayload": "deletedId change replayed errors",
        "CreateEventPayload": "event change replayed errors",
        "UpdateEventPayload": "event change replayed errors",
        "DeleteEventPayload": "deletedId change replayed errors",
        "CreateEventsPayload": "events change replayed errors",
        "DeleteEventsPayload": "deletedIds change replayed errors",
        "CreateFileBatchesPayload": "fileBatches change replayed errors",
        "CreateFileBatchPayload": "fileBatch change replayed errors",
        "UpdateFileBatchPayload": "fileBatch change replayed errors",
        "DeleteFileBatchPayload": "deletedId change replayed errors",
        "AddFilesPayload": "fileBatch change replayed errors",
        "FinishManifestPayload": "fileBatch change replayed errors",
        "AddTagsPayload": "nodes change replayed errors",
        "RemoveTagsPayload": "nodes change replayed errors",
        "AddCommentPayload": "comment change replayed errors",
        "UpdateCommentPayload": "comment change replayed errors",
        "DeleteCommentPayload": "deletedId change replayed errors",
        "SealCasePayload": "case change replayed errors",
        "UnsealCasePayload": "case change replayed errors",
        "RetainCasePayload": "case change replayed errors",
        "PlaceHoldPayload": "hold change replayed errors",
        "ReleaseHoldPayload": "hold change replayed errors",
        "RestorePayload": "node change replayed errors",
        "PurgePayload": "certificate preview change replayed errors",
        "ErasePayload": "preview change replayed errors",
        "SetCaseMemberPayload": "member change replayed errors",
        "AcceptCasePayload": "case change replayed errors",
        "RemoveCaseMemberPayload": "deletedId change replayed errors",
        "NotFoundError": "code message path",
        "InvalidInputError": "code message path",
        "ForbiddenError": "code message path requiredRole",
        "ConflictError": "code message path currentVersion current",
        "RequestMismatchError": "code message path",
        "StateError": "code message path state",
    },
}


def rules() -> dict[str, str]:
    """Return the rule of each field, as `Case.title`."""
    declared = {f"{type_}.{name}": rule for type_ in ("Query", "Mutation") for name, rule in RULES[type_].items()}
    for rule in ("with its row", "with its answer"):
        declared |= {f"{type_}.{name}": rule for type_, names in RULES[rule].items() for name in names.split()}
    return declared


def expected(rule: str) -> dict[str, str]:
    """Return what each caller gets by a rule."""
    return dict(zip(CALLERS, ANSWERS[rule].split(), strict=True))


# Every field has a rule


def undeclared(schema: Any) -> set[str]:
    return {f"{type_}.{name}" for type_, name, _ in fields(schema)} ^ {*rules()}


def test_every_field_has_a_rule() -> None:
    assert undeclared(executable()) == set()


def test_a_field_without_a_rule_is_found() -> None:
    addition = "extend type Case { secret: String } extend type Query { everything: [Case!]! } type New { a: Int }"
    schema = extend_schema(executable(), parse(f"{addition} extend type Mutation {{ forget(id: ID!): New }}"))
    assert undeclared(schema) == {"Case.secret", "Query.everything", "New.a", "Mutation.forget"}


def test_a_rule_without_a_field_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES["with its row"], "Case", f"{RULES['with its row']['Case']} secret")
    assert undeclared(executable()) == {"Case.secret"}


def test_every_field_and_argument_is_tried() -> None:
    tried = frozenset[str]().union(*(document.covers for document in reading_documents(executable(), NEAR)))
    assert to_be_tried(executable()) - tried == set()
    added = parse("extend type Event { secret: String } extend input CaseFilter { owner: String }")
    schema = extend_schema(executable(), added)
    tried = frozenset[str]().union(*(document.covers for document in reading_documents(schema)))
    assert {"Event.secret", "CaseFilter.owner"} <= tried


@pytest.mark.parametrize("name", RULES["Mutation"])
def test_the_schema_says_which_role_a_change_takes(name: str) -> None:
    mutation = executable().mutation_type
    assert mutation is not None
    description = mutation.fields[name].description or ""
    rule = RULES["Mutation"][name]
    assert ("Takes the role" in description) == (rule != "anyone")
    assert rule == "anyone" or f"Takes the role {rule.split()[0]}" in description


# Everybody tries everything


@pytest.fixture(scope="module", params=KINDS)
def world(request: pytest.FixtureRequest, new_database: Callable[[str], str]) -> Iterator[World]:
    with serving(request.param, new_database(request.param), **LIMITS) as server:
        yield make_world(server)


def reading_violations(world: World, some: slice = slice(None), deepest: int = MAX_NESTING) -> Iterator[str]:
    for document in reading_documents(executable(), deepest)[some]:
        if document.root in {"viewer", "checkpoint", "trash"}:
            continue
        present = told(world, document, world.answer(world.owner, document.text, present=True))
        missing = told(world, document, world.answer(world.owner, document.text, present=False))
        if present == missing:
            yield f"nothing is told by {document.text}"
        for name, wanted in expected(RULES["Query"][document.root]).items():
            caller = world.callers[name]
            answers = {
                "all": in_the_role(present, name),
                "nothing": missing,
                "401": world.answer(caller, "{ viewer { id } }", present=True),
            }
            found = told(world, document, world.answer(caller, document.text, present=True))
            if found != answers[wanted] or (wanted == "401" and b"401" not in found[:3]):
                yield f"{name} must get {wanted} and gets {found!r} from {document.text}"
            # Byte for byte, what is not theirs is what is not there, however its id is written.
            if wanted == "nothing":
                others = world.missing, {value: str(of).upper() for value, of in world.present.items()}
                asked = (whole(caller.ask(world.salt + document.text, values)) for values in others)
                if any(found != told(world, document, answer) for answer in asked):
                    yield f"{name} can tell what is foreign from what is missing by {document.text}"


def told(world: World, document: Document, answer: bytes) -> bytes:
    """Return an answer without what a feed says of the question: which case it was about, and whose feed it is."""
    if document.root != "changes":
        return answer
    answer = re.sub(rb'"(cursor|endCursor)":"[0-9A-Fa-f]+"', rb'"\1":""', answer)
    return answer.replace(world.missing["case"].encode(), world.present["case"].encode())


def in_the_role(answer: bytes, caller: str) -> bytes:
    role = {"auditor": "VIEWER", "admin": "OWNER"}.get(caller, caller)
    return answer.replace(b'"viewerRole":"OWNER"', f'"viewerRole":"{role}"'.encode())


def changing_violations(world: World) -> Iterator[str]:
    kept = contents(world)
    for mutation in mutations(executable()):
        rule = RULES["Mutation"][mutation.name]
        for name, wanted in expected(rule).items():
            caller = world.callers[name]
            if wanted == "done":
                yield from not_done(world, mutation, caller)
                continue
            found, absent = (
                changes(caller, world, mutation, [mutation.input(given, values) for given in mutation.inputs])
                for values in (world.present, world.missing)
            )
            if wanted != "denied" and found != absent:
                yield f"{name} can tell what is foreign from what is missing by {mutation.name}: {found!r}"
            refusal = {"401": "401", "nothing": '"NOT_FOUND"', "denied": f'"requiredRole":"{rule.split()[0]}"'}[wanted]
            if any(refusal.encode() not in answer for answer in found):
                yield f"{name} must be refused {mutation.name} with {refusal} and gets {found!r}"
            if wanted == "denied" and any(b'"NOT_FOUND"' not in answer for answer in absent):
                yield f"{name} must not find what is missing by {mutation.name} and gets {absent!r}"
        if contents(world) != kept:
            yield f"{mutation.name} changed something for those who may not"
            return


def not_done(world: World, mutation: Mutation, caller: Caller) -> Iterator[str]:
    values = world.path() if mutation.ids else world.present
    values = values | prepare(world, mutation.name, values)
    before = contents(world, values)
    (found,) = changes(caller, world, mutation, [mutation.input(mutation.fullest, values)])
    if b'"errors":[]' not in found:
        yield f"{caller.name} may not do {mutation.name}: {found!r}"
    elif (
        mutation.ids
        and contents(world, values) == before
        and not (
            mutation.name == "acceptCase"
            and caller.name in {"OWNER", "auditor", "admin"}  # who have nothing to take up
        )
    ):
        yield f"{caller.name} did {mutation.name}, and nothing changed"


def changes(caller: Caller, world: World, mutation: Mutation, inputs: Sequence[Values]) -> list[bytes]:
    """Return the answers to the same mutation with several inputs, sent together; each is a change of its own."""
    answers = []
    for some in chunks(inputs, AT_ONCE):
        variables = {f"i{place}": given for place, given in enumerate(some)}
        response = caller.post(world.salt + mutation.document(len(some)), variables)
        if response.status_code != 200:
            return [whole(response)]
        assert "data" in response.json(), (mutation.name, response.text)
        answers += [orjson.dumps(answer) for answer in response.json()["data"].values()]
    return answers


def contents(world: World, values: Values | None = None) -> bytes:
    """Return all that a change could change of a case."""
    query = """
    query ($case: ID!) {
      case(id: $case) {
        title description reference status version updatedAt updatedBy { id } retainUntil seal { root } tags
        journal { root } holds { name releasedAt } trash { totalCount }
        members { user { id } role expiresAt accepted }
        events {
          nodes {
            id type title description occurredAt occurredUntil timePrecision sortOrder source timeKind utcOffset
            version updatedAt tags comments { nodes { id text version } }
            fileBatches {
              nodes {
                id label fileCount description fileTypes sortOrder version updatedAt tags
                manifest { sha256 } files { totalCount }
              }
            }
          }
        }
      }
    }
    """
    return whole(world.owner.ask(query, values or world.present))


# Wrong addresses


class Paths:
    """Paths of the owner's, and ids to put in their places."""

    def __init__(self, world: World) -> None:
        client, own, other = world.owner.client, world.present, world.path()
        event = client.create_event(own["case"])
        beside = {"case": own["case"], "event": event, "batch": client.create_batch(own["case"], event)}
        self.world, self.own, self.other = world, own, other
        self._right = {
            tuple(path[noun] for noun in ("case", "event", "batch")[:length])
            for path in (own, other, beside)
            for length in (1, 2, 3)
        }
        foreign = make_case(world.server.client(), "Canal")
        # The right id, written otherwise, then the wrong ones: from elsewhere, of another kind, malformed, missing.
        self._choices = {
            noun: [
                own[noun],
                own[noun].upper() if noun == "case" else beside[noun],
                other[noun],
                foreign[noun],
                own["batch" if noun == "event" else "event"],
                f"{{{own[noun]}}}",
                new_id(),
            ]
            for noun in ("case", "event", "batch")
        }

    def exists(self, path: Sequence[str]) -> bool:
        """Return whether a path, or its beginning, is one of the owner's."""
        return tuple(identifier.lower() for identifier in path) in self._right

    def to_try(self, nouns: Sequence[str]) -> list[tuple[str, ...]]:
        """Return every combination of ids."""
        return [*itertools.product(*(self._choices[noun] for noun in nouns))]


def address_violations(world: World) -> Iterator[str]:
    """Yield which wrong addresses lead somewhere, and which right ones don't."""
    paths = Paths(world)
    for address in reading_addresses(executable()):
        text = world.salt + address.document(AT_ONCE)
        for some in chunks(paths.to_try(address.nouns), AT_ONCE):
            padded = [*some, *itertools.repeat(some[0], AT_ONCE - len(some))]
            ids = {f"i{place}": identifier for place, identifier in enumerate(itertools.chain(*padded))}
            found = world.owner.post(text, ids).json()["data"]
            for place, path in enumerate(some):
                if found[f"a{place}"] != address.answer(path, paths.exists):
                    yield f"{path} of {address.nouns} leads to {found[f'a{place}']}"
    kept = contents(world, paths.own), contents(world, paths.other)
    for mutation in mutations(executable()):
        if not {*mutation.ids.values()} <= {"case", "event", "batch"}:
            continue  # what was deleted, and holds, are tried in test_kept.py
        wrong = [path for path in paths.to_try([*mutation.ids.values()]) if not paths.exists(path)]
        answers: set[bytes] = set()
        for some in chunks(wrong if len(mutation.ids) > 1 else [], AT_ONCE):
            inputs = [mutation.inputs[0] | dict(zip(mutation.ids, path, strict=True)) for path in some]
            answers |= {*changes(world.owner, world, mutation, inputs)}
        if len(answers) > 1 or any(b'"NOT_FOUND"' not in answer for answer in answers):
            yield f"{mutation.name} by wrong addresses gets {answers}"
    if (contents(world, paths.own), contents(world, paths.other)) != kept:
        yield "a change by a wrong address was made"


# Cursors


def cursor_violations(world: World) -> Iterator[str]:
    """Yield where a cursor of someone else's row tells more than that of a row that never was.

    The one who asks has lists of their own, and the owner's cursors are taken from every list in every order.
    """
    client = world.server.client()
    asking = Caller("another owner", client, client.headers, world.server.http)
    own = make_case(client, "Canal")
    taken = {(name, order): cursor for name, order in orders() for cursor in list_cursors(world, name, order)}
    for name, order in orders():
        # In the same order a cursor bounds the list; those of all other lists and orders are refused.
        others = [cursor for place, cursor in taken.items() if order is None and place != (name, order)]
        for some in ([taken[name, order]], *chunks(others, AT_ONCE // 2)):
            calls = [{argument: cursor} for cursor in some for argument in ("after", "before")]
            foreign, missing = (
                asking.ask(world.salt + list_document(name, order, calls, change), own) for change in (str, forged)
            )
            if whole(foreign) != whole(missing) or any(str(of).encode() in foreign.content for of in world.ids):
                yield f"a foreign cursor tells something in {name} by {order}: {foreign.content!r}"
            if "data" in foreign.json():
                for page, call in zip(pages(foreign), calls, strict=True):
                    if not is_of_own_rows(page, name, *call):
                        yield f"rows of others show through in {name} by {order}: {page}"


def is_of_own_rows(page: Values, name: str, bound: str) -> bool:
    """Return whether a page that a cursor bounds tells of the rows that `make_case` makes and of no others."""
    own = {"cases": 1, "history": 17, "trash": 1}.get(name, 2)
    cut = len(page["edges"]) < own
    info = page["pageInfo"]
    more = (info["hasPreviousPage"], info["hasNextPage"])
    return bool(page["totalCount"] == own and more == ((cut, False) if bound == "after" else (False, cut)))


def orders() -> Iterator[tuple[str, str | None]]:
    """Yield every list with each of its orders, and with none; once, of however many types it is a field."""
    lists = {name: definition for _, name, definition in fields(executable()) if "orderBy" in definition.args}
    for name, definition in lists.items():
        order = get_named_type(definition.args["orderBy"].type)
        assert isinstance(order, GraphQLEnumType)
        yield from ((name, value) for value in (None, *order.values))


def list_document(
    name: str, order: str | None, calls: Sequence[Values] = ({},), change: Callable[[str], str] = str
) -> str:
    """Return a query for a list, once for each set of cursors; `change` is made to each cursor."""
    above = {"cases": "{}"} | dict.fromkeys(("events", "history", "trash"), "case(id: $case) {{ {} }}")
    given = {"orderBy": f"[{order}]"} if order else {}
    pages = (
        write_call(f"a{place}: {name}", given | {argument: f'"{change(cursor)}"' for argument, cursor in call.items()})
        for place, call in enumerate(calls)
    )
    lists = " ".join(f"{page} {{ {PAGE} }}" for page in pages)
    return query_of(above.get(name, "event(caseId: $case, id: $event) {{ {} }}").format(lists))


def list_cursors(world: World, name: str, order: str | None) -> list[str]:
    """Return the first cursor of the owner's list."""
    (page,) = pages(world.owner.ask(list_document(name, order), world.present))
    return [edge["cursor"] for edge in page["edges"][:1]]


def pages(answer: httpx.Response) -> list[Values]:
    """Return the lists that `list_document` asked for."""
    assert "data" in answer.json(), answer.text
    data = answer.json()["data"]
    while "a0" not in data:
        (data,) = data.values()
    return [*data.values()]


# All of it


SHARES = 4  # of the documents that read, so that several processes share them
NEAR = 3  # lists in each other, within which there is a way to every field


@pytest.mark.long
@pytest.mark.parametrize("share", range(SHARES))
def test_everybody_reads_what_the_rules_say(world: World, share: int) -> None:
    assert [*reading_violations(world, slice(share, None, SHARES), NEAR)] == []


@pytest.mark.slow
@pytest.mark.parametrize("share", range(SHARES))
def test_everybody_reads_what_the_rules_say_by_every_way(world: World, share: int) -> None:
    assert [*reading_violations(world, slice(share, None, SHARES))] == []


@pytest.mark.long
@pytest.mark.parametrize("violations", [changing_violations, address_violations, cursor_violations])
def test_everybody_gets_what_the_rules_say(world: World, violations: Callable[[World], Iterator[str]]) -> None:
    assert [*violations(world)] == []


# Themselves


def test_a_viewer_is_whoever_calls(world: World) -> None:
    for name, caller in world.callers.items():
        answer = caller.ask("{ viewer { id subject name email } }", {})
        if name in {"anonymous", "old token"}:
            assert answer.status_code == 401
            assert "data" not in answer.json()
        else:
            viewer = answer.json()["data"]["viewer"]
            named = ("Alice", "alice@example.org") if name == "OWNER" else (None, None)
            assert (viewer["subject"], viewer["name"], viewer["email"]) == (caller.client.subject, *named)


def test_a_checkpoint_is_the_same_for_everybody(world: World) -> None:
    text = "{ checkpoint { text size at } }"
    until = time.monotonic() + 15
    while world.owner.ask(text, {}).json()["data"]["checkpoint"] is None and time.monotonic() < until:
        time.sleep(0.1)
    for _ in range(5):
        # One may be signed meanwhile.
        answers = {name: whole(caller.ask(text, {})) for name, caller in world.callers.items()}
        refused = [answers.pop(name) for name in ("anonymous", "old token")]
        if len(found := {*answers.values()}) == 1:
            break
    assert len(found) == 1
    assert all(answer.startswith(b"401") and b"data" not in answer for answer in refused)
    (answer,) = found
    assert b'"text":"dossier/' in answer
    assert not any(str(identifier).encode() in answer for identifier in world.ids)


def test_what_others_do_changes_nothing_in_the_feeds_of_strangers(world: World) -> None:
    client = world.server.client()
    stranger = Caller("stranger", client, client.headers, world.server.http)
    text = f"query ($case: ID, $after: String) {{ changes(caseId: $case, after: $after) {{ {FEED} }} }}"

    def read(case: str | None, after: str | None) -> Values:
        found: Values = stranger.post(text, {"case": case, "after": after}).json()["data"]["changes"]
        return found

    path = world.path()
    ends = [read(case, None)["endCursor"] for case in (None, path["case"])]
    world.owner.client.create_event(path["case"])
    world.owner.client.change("deleteCase", "errors { message }", id=path["case"])
    time.sleep(2.5)  # until the log has it
    for case, end in zip((None, path["case"]), ends, strict=True):
        found = read(case, end)
        assert (found["entries"], found["upToDate"]) == ([], True)
    (error,) = stranger.post(text, {"case": path["case"], "after": "x"}).json()["errors"]
    (other,) = stranger.post(text, {"case": world.missing["case"], "after": "x"}).json()["errors"]
    assert error == other


def test_what_others_do_changes_nothing_in_the_lists_of_strangers(world: World) -> None:
    client = world.server.client()
    stranger = Caller("stranger", client, client.headers, world.server.http)
    own = make_case(client, "Canal")
    lists = [list_document(name, order) for name, order in orders()]
    before = [whole(stranger.ask(text, own)) for text in lists]
    make_case(world.owner.client, "Canal")
    world.owner.client.create_batch(world.present["case"], world.present["event"])
    world.owner.client.create_event(world.present["case"])
    assert [whole(stranger.ask(text, own)) for text in lists] == before


def test_a_stranger_waits_for_nobody(world: World) -> None:
    """A change by a stranger takes no lock on a row and waits for none, so that what is foreign isn't slower."""
    if world.server.kind != "postgresql":
        pytest.skip("SQLite has one lock for all, whoever asks for what")
    stranger = world.callers["stranger"]

    async def refused_while_locked() -> list[bytes]:
        connection = await asyncpg.connect(postgresql.address(world.server.settings.database_url))
        try:
            async with connection.transaction():
                for table, noun in (("cases", "case"), ("events", "event"), ("file_batches", "batch")):
                    await connection.execute(f"SELECT 1 FROM {table} WHERE id = $1 FOR UPDATE", world.present[noun])  # noqa: S608
                return await asyncio.to_thread(tried)
        finally:
            await connection.close()

    def tried() -> list[bytes]:
        stranger.http.timeout = httpx.Timeout(5)
        return [
            answer
            for mutation in mutations(executable())
            if mutation.ids
            for answer in changes(stranger, world, mutation, [mutation.input(mutation.inputs[0], world.present)])
        ]

    for answer in asyncio.run(refused_while_locked()):
        assert b'"NOT_FOUND"' in answer


# Broken on purpose


ADMIN = frozenset({"admin"})


def everyone_reads(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(statements, "readable", lambda *_: true())


def everyone_finds_users(patch: pytest.MonkeyPatch) -> None:
    readable = ownership.readable
    patch.setattr(
        statements, "readable", lambda table, asking: true() if table.name == "users" else readable(table, asking)
    )


def roles_never_end(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        ownership,
        "_grant",
        lambda case_id, viewer, _moment: and_(CaseMember.case_id == case_id, CaseMember.user_id == viewer),
    )


def anyones_role_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "_grant", lambda case_id, _viewer, _moment: CaseMember.case_id == case_id)


def a_role_in_any_case_makes_fellows(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        ownership,
        "_is_fellow",
        lambda _user, asking: exists(select(CaseMember).where(CaseMember.user_id == asking.viewer)),
    )


def everyone_is_an_admin(patch: pytest.MonkeyPatch) -> None:
    broken_find(patch, lambda find: lambda c, v, *given, **more: find(c, Viewer(v.id, ADMIN), *given, **more))


def every_role_allows_every_change(patch: pytest.MonkeyPatch) -> None:
    broken_find(patch, lambda find: lambda *given, **more: find(*given[:2], "VIEWER", *given[3:], **more))


def viewers_come_before_contributors(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(ownership, "_ROLES", ("OWNER", "EDITOR", "VIEWER", "CONTRIBUTOR"))


def contributors_are_editors(patch: pytest.MonkeyPatch) -> None:
    broken_find(
        patch,
        lambda find: (
            lambda c, v, need, *path, **more: find(c, v, "CONTRIBUTOR" if need == "EDITOR" else need, *path, **more)
        ),
    )


def the_path_above_is_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    def broken(find: Any) -> Any:
        return lambda c, v, need, case, *path, **more: find(c, v, need, case, *path[-1:], **more)

    broken_find(patch, broken)


def strangers_are_told_that_they_may_not(patch: pytest.MonkeyPatch) -> None:
    def broken(find: Any) -> Any:
        def finding(recorder: Any, viewer: Viewer, need: str, *path: Any, **more: Any) -> Any:
            try:
                return find(recorder, viewer, need, *path, **more)
            except NotFound as refusal:
                table = table_of(path[-1][1])
                there = Statement(select(table.c.id).where(table.c.id == parse_id(path[-1][2])))
                if recorder.transaction.first(there, {}):
                    raise Forbidden("not yours", refusal.path, need) from None
                raise

        return finding

    broken_find(patch, broken)


def auditors_change(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Viewer, "changes_all", property(lambda viewer: bool(viewer.roles)))


def auditors_read_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Viewer, "reads_all", property(lambda viewer: "admin" in viewer.roles))


def a_look_up_forgets_its_parent(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(statements.Planner, "_scope", lambda self, noun, *_: [ownership.readable(noun.table, self._asking)])


def an_event_is_found_in_any_case(patch: pytest.MonkeyPatch) -> None:
    leads_to(patch, "event", nouns.Lookup({"id": "id"}))


def a_batch_is_found_on_any_event(patch: pytest.MonkeyPatch) -> None:
    leads_to(patch, "fileBatch", nouns.Lookup({"caseId": "case_id", "id": "id"}))


def leads_to(patch: pytest.MonkeyPatch, field: str, lead: nouns.Lead) -> None:
    query = executable().query_type
    assert query is not None
    patch.setitem(query.fields[field].extensions, nouns.LEAD, lead)


def counts_count_all(patch: pytest.MonkeyPatch) -> None:
    in_all_cases(patch, "_member", lambda field, **_: field.name == "totalCount")


def pages_of_others_are_announced(patch: pytest.MonkeyPatch) -> None:
    in_all_cases(patch, "_more", lambda *_, **__: True)


def in_all_cases(patch: pytest.MonkeyPatch, method: str, when: Callable[..., bool]) -> None:
    """Let a part of a list's answer look at the rows of all cases."""
    connection = lists.ReadPage
    original = getattr(connection, method)

    def broken(self: Any, *given: Any, **named: Any) -> Any:
        kept = self._scope, self._whole, self._number
        if when(*given, **named):
            self._scope, self._whole, self._number = self._scope[1:], self._whole[1:], None
        try:
            return original(self, *given, **named)
        finally:
            self._scope, self._whole, self._number = kept

    patch.setattr(connection, method, broken)


def old_tokens_count(patch: pytest.MonkeyPatch) -> None:
    read: Any = tokens._time  # noqa: SLF001 - that is what is broken

    def a_day_later(claims: dict[str, Any], name: str) -> float | None:
        moment: float | None = read(claims, name)
        return moment + 86_400 if name == "exp" and moment is not None else moment

    patch.setattr(tokens, "_time", a_day_later)


def broken_find(patch: pytest.MonkeyPatch, broken: Callable[[Any], Any]) -> None:
    patch.setattr(ownership, "find", broken(ownership.find))


# Each rule that is broken, with the part of the matrix that has to notice.
BREAKS = (
    (everyone_reads, reading_violations),
    (everyone_finds_users, reading_violations),
    (roles_never_end, reading_violations),
    (roles_never_end, changing_violations),
    (anyones_role_counts, reading_violations),
    (everyone_is_an_admin, changing_violations),
    (a_role_in_any_case_makes_fellows, reading_violations),
    (counts_count_all, reading_violations),
    (counts_count_all, cursor_violations),
    (pages_of_others_are_announced, cursor_violations),
    (auditors_read_nothing, reading_violations),
    (auditors_change, changing_violations),
    (every_role_allows_every_change, changing_violations),
    (viewers_come_before_contributors, changing_violations),
    (contributors_are_editors, changing_violations),
    (strangers_are_told_that_they_may_not, changing_violations),
    (old_tokens_count, reading_violations),
    (old_tokens_count, changing_violations),
    (a_look_up_forgets_its_parent, address_violations),
    (an_event_is_found_in_any_case, address_violations),
    (a_batch_is_found_on_any_event, address_violations),
    (the_path_above_is_not_looked_at, address_violations),
)


@pytest.fixture(scope="module")
def breakable(new_database: Callable[[str], str]) -> Iterator[Server]:
    """A server whose rules are broken; one database is enough, as the rules are said once for both."""
    with serving("sqlite", new_database("sqlite"), **LIMITS) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(("breaks", "part"), BREAKS, ids=lambda function: function.__name__)
def test_a_broken_rule_is_found(
    breakable: Server,
    monkeypatch: pytest.MonkeyPatch,
    breaks: Callable[[pytest.MonkeyPatch], None],
    part: Callable[[World], Iterator[str]],
) -> None:
    # In a world of its own, which may be left in any state, with documents that have no plan yet.
    world = make_world(breakable, salt=f"# {breaks.__name__} {part.__name__}\n")
    ownership._find_statement.cache_clear()  # noqa: SLF001 - it would remember the rule as it was
    with monkeypatch.context() as patch:
        breaks(patch)
        found = next(part(world), None)
    ownership._find_statement.cache_clear()  # noqa: SLF001
    assert found is not None
