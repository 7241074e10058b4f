"""Keeps a copy of cases: `DOSSIER_TOKEN=… python clients/keep_copy.py FILE`; how, docs/clients.md tells."""

import json
import os
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

ROW = "id version createdAt createdBy { id } updatedAt updatedBy { id } description tags"
CASE = f"{ROW} number title reference status retainUntil seal {{ at by {{ id }} reason root }}"
EVENT = f"{ROW} title type occurredAt occurredUntil timePrecision sortOrder source timeKind utcOffset"
BATCH = f"{ROW} event {{ id }} label fileCount fileTypes sortOrder"
NODE = f"node {{ ... on Case {{ {CASE} }} ... on Event {{ {EVENT} }} ... on FileBatch {{ {BATCH} }} }}"
FEED = f"""query ($after: String) {{ changes(after: $after) {{ endCursor upToDate
    entries {{ kind caseId change {{ id seq kind fields {{ name after }} on {{ type id {NODE} }} }} }} }} }}"""
MEMBERS = "members { user { id } role expiresAt accepted }"
WHOLE = f"query ($id: ID!) {{ case(id: $id) {{ {CASE} journal {{ size }} {MEMBERS} }} }}"
BATCHES = f"fileBatches(after: $after) {{ nodes {{ {BATCH} }} pageInfo {{ hasNextPage endCursor }} }}"
EVENTS = f"""query ($case: ID!, $after: String) {{ case(id: $case) {{ events(after: $after) {{
    nodes {{ {EVENT} {BATCHES.replace("(after: $after)", "")} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"""
REST = f"query ($case: ID!, $id: ID!, $after: String) {{ event(caseId: $case, id: $id) {{ {BATCHES} }} }}"


class Copy:
    """A copy of cases; `state` has them by their ids, and the cursor behind what the feed has told of them."""

    def __init__(self, http: httpx.Client, file: Path) -> None:
        self.http, self.file = http, file
        self.state: dict[str, Any] = json.loads(file.read_bytes()) if file.exists() else {"cursor": None, "cases": {}}

    def go_on(self) -> bool:
        """Take in the next page of what has changed since; return whether it was the last one."""
        if (page := self.ask("changes", FEED, after=self.state["cursor"])) is None:
            self.state, page = {"cursor": None, "cases": {}}, {"entries": [], "endCursor": None, "upToDate": False}
        for entry in page["entries"]:
            self.take(entry["kind"], entry["caseId"], entry["change"])
        self.state["cursor"] = page["endCursor"]
        self.file.with_suffix(".new").write_text(json.dumps(self.state), encoding="utf-8")
        self.file.with_suffix(".new").replace(self.file)  # all of it or nothing
        return bool(page["upToDate"])

    def take(self, kind: str, case_id: str, change: Any) -> None:
        """Do to the copy what an entry of the feed tells."""
        on, held = change and change["on"], self.state["cases"].get(case_id)
        if kind == "LEFT" or (change and (change["kind"], on["type"]) == ("DELETED", "CASE")):
            self.state["cases"].pop(case_id, None)
        elif kind == "JOINED" or (held is None and on["node"]):
            self.read(case_id)
        elif held and change["seq"] > held["size"]:  # else it is known, or of a case that is gone, or not back yet
            type_, row, after = on["type"], on["id"], {each["name"]: each["after"] for each in change["fields"]}
            rows = held.get(type_, {})  # holds and comments are not kept
            held["size"], old = change["seq"], rows.pop(row, {})
            if type_ == "MEMBER" and change["kind"] != "DELETED":  # whose node is the user
                rows[row] = {"expiresAt": None, **old, **after}
            elif on["node"]:  # else it is gone by now
                rows[row] = max(old or on["node"], on["node"], key=lambda each: each["version"])
            if type_ == "EVENT" and change["kind"] in ("DELETED", "RESTORED"):
                # Its batches go and come with it: their own changes may be told later, or were before it was back.
                others = {key: each for key, each in held["FILE_BATCH"].items() if each["event"]["id"] != row}
                held["FILE_BATCH"] = others | (self.batches(case_id, row) if on["node"] else {})

    def read(self, case_id: str) -> None:
        """Read a case whole. What changes meanwhile the feed will tell, also that the case is gone, or part of it."""
        if (case := self.ask("case", WHOLE, id=case_id)) is None:
            return
        members = {member.pop("user")["id"]: member for member in case.pop("members")}
        held = {"size": case.pop("journal")["size"], "CASE": {case_id: case}, "MEMBER": members}
        events, batches = held.setdefault("EVENT", {}), held.setdefault("FILE_BATCH", {})
        for event in self.nodes("case", "events", EVENTS, case=case_id):
            events[event["id"]], page = event, event.pop("fileBatches")
            is_more = page["pageInfo"]["hasNextPage"]
            batches |= self.batches(case_id, event["id"]) if is_more else {row["id"]: row for row in page["nodes"]}
        self.state["cases"][case_id] = held

    def batches(self, case_id: str, event_id: str) -> Any:
        """Read all batches of an event."""
        return {row["id"]: row for row in self.nodes("event", "fileBatches", REST, case=case_id, id=event_id)}

    def nodes(self, noun: str, name: str, query: str, **ids: str) -> Any:
        """Read a list page by page, for as long as what it is of is there."""
        end = {"hasNextPage": True, "endCursor": None}
        while end["hasNextPage"] and (found := self.ask(noun, query, after=end["endCursor"], **ids)):
            end = found[name]["pageInfo"]
            yield from found[name]["nodes"]

    def ask(self, field: str, query: str, **variables: Any) -> Any:
        """Return a field of the answer, which may be long in coming; None where a cursor has expired."""
        for seconds in (0, 0.1, 0.3, 1, *[3] * 1_000):
            time.sleep(seconds)
            with suppress(httpx.TransportError, ValueError):
                answer = self.http.post("/graphql", json={"query": query, "variables": variables}).json()
                codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
                if codes - {"CURSOR_EXPIRED", "UNAVAILABLE", "DEADLINE_EXCEEDED"}:
                    raise RuntimeError(answer["errors"])
                if codes <= {"CURSOR_EXPIRED"}:
                    return answer.get("data", {}).get(field)
        raise TimeoutError


if __name__ == "__main__":
    token, url = os.environ["DOSSIER_TOKEN"], os.environ.get("API_URL", "http://127.0.0.1:8000")
    authorized = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=30)
    copy = Copy(authorized, Path(sys.argv[1]))
    while True:
        time.sleep(copy.go_on())
