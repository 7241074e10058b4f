"""Recording a folder as a case, through the API as any client would."""

from __future__ import annotations

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import httpx

from app.errors import DossierError

_TIMEOUT = 60  # seconds for one call
_LABEL_LENGTH = 200
_NAMED = 20  # unreadable files that the summary names
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")

_CREATE_CASE = """
mutation ($input: CreateCaseInput!) { createCase(input: $input) { case { id number } errors { message } } }
"""
_CREATE_EVENT = """
mutation ($input: CreateEventInput!) { createEvent(input: $input) { event { id } errors { message } } }
"""
_CREATE_BATCH = """
mutation ($input: CreateFileBatchInput!) {
  createFileBatch(input: $input) { fileBatch { id } errors { message } }
}
"""


@dataclass
class Batch:
    """Files of one kind in one folder, last modified on one day; `size` in bytes."""

    count: int = 0
    size: int = 0


@dataclass
class Survey:
    """What was found in a folder: batches by day, then by folder and kind of file."""

    days: dict[str, dict[tuple[str, str], Batch]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Batch))
    )
    unreadable: list[str] = field(default_factory=list)
    files: int = 0
    size: int = 0


def collect(folder: Path, case_title: str, url: str, token: str, progress: TextIO | None) -> str:
    """Record a folder as a new case and return a summary; `progress` is a terminal to report to, if any.

    Raises DossierError when the folder can't be listed, the server can't be reached or refuses.
    """
    survey = _survey(folder, progress)
    with httpx.Client(timeout=_TIMEOUT, headers={"Authorization": f"Bearer {token}"}) as http:
        number = _record(_Api(http, url), folder, case_title, survey, progress)
    batches = sum(len(day) for day in survey.days.values())
    lines = [
        f"Case {number}: {_many(survey.files, 'file')} ({_readable(survey.size)}) in "
        f"{_many(batches, 'file batch', 'file batches')} on {_many(len(survey.days), 'event')}."
    ]
    if survey.unreadable:
        lines.append(f"{_many(len(survey.unreadable), 'entry', 'entries')} could not be read:")
        lines += [f"  {name}" for name in survey.unreadable[:_NAMED]]
        if len(survey.unreadable) > _NAMED:
            lines.append(f"  and {len(survey.unreadable) - _NAMED} more")
    return "\n".join(lines)


class _Api:
    """The API of a server."""

    def __init__(self, http: httpx.Client, url: str) -> None:
        self._http = http
        self._url = url

    def create(self, document: str, noun: str, **values: object) -> dict[str, Any]:
        """Run a mutation that creates and return what it created. Raises DossierError."""
        try:
            response = self._http.post(self._url, json={"query": document, "variables": {"input": values}})
            answer = response.json()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DossierError(f"the server at {self._url} can't be reached: {error}; is it running?") from None
        except ValueError:
            raise DossierError(f"what answers at {self._url} is no Dossier server; check --url") from None
        if not isinstance(answer, dict):
            raise DossierError(f"what answers at {self._url} is no Dossier server; check --url")
        if response.status_code == httpx.codes.UNAUTHORIZED:
            raise DossierError("the server refuses the token; make a new one with 'dossier token'")
        faults = answer.get("errors")
        if not faults:
            (payload,) = answer["data"].values()
            faults = payload["errors"]
        if faults:
            raise DossierError(f"the server refuses: {faults[0]['message']}")
        created: dict[str, Any] = payload[noun]
        return created


def _record(api: _Api, folder: Path, case_title: str, survey: Survey, progress: TextIO | None) -> int:
    case = api.create(
        _CREATE_CASE,
        "case",
        title=case_title,
        description=f"Collected from {_shown(str(folder.resolve()))}: {_many(survey.files, 'file')}, "
        f"{_readable(survey.size)}.",
        status="ACTIVE",
    )
    recorded = 0
    for day, batches in sorted(survey.days.items()):
        count = sum(batch.count for batch in batches.values())
        event = api.create(
            _CREATE_EVENT,
            "event",
            caseId=case["id"],
            title=f"{_many(count, 'file')} last modified",
            type="FINDING",
            occurredAt=f"{day}T00:00:00Z",
            timePrecision="DAY",
        )
        for order, ((place, kind), batch) in enumerate(sorted(batches.items())):
            api.create(
                _CREATE_BATCH,
                "fileBatch",
                caseId=case["id"],
                eventId=event["id"],
                label=_label(place, kind),
                fileCount=batch.count,
                fileTypes=kind or None,
                description=f"{place}: {_readable(batch.size)} in all",
                sortOrder=order,
            )
            recorded += batch.count
            _report(progress, f"recorded {recorded} of {survey.files} files")
    _report(progress, "")
    number: int = case["number"]
    return number


def _survey(folder: Path, progress: TextIO | None) -> Survey:
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, NotADirectoryError):
        raise DossierError(f"{folder} is not a folder") from None
    except OSError as error:
        raise DossierError(f"{folder} can't be listed: {error.strerror}; check who may read it") from None
    survey = Survey()
    for name, status in _files(folder, survey.unreadable):
        place, file_name = os.path.split(name)
        day = _day(status.st_mtime)
        batch = survey.days[day][_shown(place) or ".", _kind(file_name)]
        batch.count += 1
        batch.size += status.st_size
        survey.files += 1
        survey.size += status.st_size
        if survey.files % 500 == 0:
            _report(progress, f"found {survey.files} files")
    return survey


def _files(folder: Path, unreadable: list[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the regular files below a folder, by their names from there; note what can't be read."""

    def note(error: OSError) -> None:
        name = _shown(os.path.relpath(error.filename or folder, folder))
        unreadable.append(f"{name}: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=note):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(place, name)  # noqa: PTH118 - names may be no text, and there are many
            try:
                status = os.lstat(path)
            except OSError as error:
                note(error)
                continue
            if stat.S_ISREG(status.st_mode):
                yield os.path.relpath(path, folder), status


def _day(modified: float) -> str:
    """Return the day, in UTC, of a time in seconds since 1970; one beyond the years is the nearest within."""
    try:
        return datetime.fromtimestamp(modified, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "0001-01-01" if modified < 0 else "9999-12-31"


def _kind(file_name: str) -> str:
    """Return the kind of a file by its name, as `.pdf`; empty for a name that says nothing."""
    suffix = os.path.splitext(file_name)[1].lower()  # noqa: PTH122 - a name, not a path
    return _shown(suffix) if 1 < len(suffix) <= 20 else ""


def _label(place: str, kind: str) -> str:
    label = f"{place} ({kind or 'no suffix'})"
    if len(label) > _LABEL_LENGTH:
        # The end of a path tells more than its beginning.
        label = "…" + label[1 - _LABEL_LENGTH :]
    return label


def _shown(name: str) -> str:
    """Return a file's name as text; bytes that are no UTF-8 are shown as escapes."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _readable(size: float) -> str:
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"


def _many(count: int, one: str, many: str | None = None) -> str:
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _report(progress: TextIO | None, text: str) -> None:
    if progress is not None:
        progress.write(f"\r\x1b[K{text}")
        progress.flush()
