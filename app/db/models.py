"""The tables: users; cases with their members, events, and file batches; their tags and comments; what is kept of them
and what was deleted; the record and its log; trusted documents.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)
from sqlalchemy import text as sql_text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app.db.types import Choice, CurrentTime, Folded, Grams, Hash, Id, Time

TITLE_LENGTH = 200
REFERENCE_LENGTH = 200
FILE_TYPES_LENGTH = 500
DESCRIPTION_LENGTH = 30_000
SOURCE_LENGTH = 200
TIME_KIND_LENGTH = 200
UTC_OFFSET_LENGTH = 6
ISSUER_LENGTH = 255
SUBJECT_LENGTH = 255
DOCUMENT_ID_LENGTH = 255
REQUEST_ID_LENGTH = 64
REASON_LENGTH = 1_000
TAG_LENGTH = 50
COMMENT_LENGTH = 30_000


class CaseStatus(Enum):
    """Where the work on a case stands."""

    OPEN = "OPEN"
    ACTIVE = "ACTIVE"
    CLOSED = "CLOSED"


class CaseRole(Enum):
    """What a member may do in a case, most first."""

    OWNER = "OWNER"
    EDITOR = "EDITOR"
    CONTRIBUTOR = "CONTRIBUTOR"
    VIEWER = "VIEWER"


class EventType(Enum):
    """What kind of entry an event is."""

    FINDING = "FINDING"
    ACTION = "ACTION"
    NOTE = "NOTE"


class TimePrecision(Enum):
    """How exactly the time of an event is known."""

    EXACT = "EXACT"
    MINUTE = "MINUTE"
    DAY = "DAY"
    MONTH = "MONTH"
    YEAR = "YEAR"


class ChangeKind(Enum):
    """What was done to a row, by an entry of the record."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"
    RESTORED = "RESTORED"
    PURGED = "PURGED"
    SEALED = "SEALED"
    UNSEALED = "UNSEALED"
    HELD = "HELD"
    RELEASED = "RELEASED"
    IMPORTED = "IMPORTED"
    EXPORTED = "EXPORTED"
    ERASED = "ERASED"
    REFUSED = "REFUSED"


class MemberMove(Enum):
    """Whether a user came to see a case, or no longer does."""

    JOINED = "JOINED"
    LEFT = "LEFT"


class Authority(Enum):
    """By what somebody placed a hold, the lesser first."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"


class DeletionState(Enum):
    """How far a deletion has come."""

    GOING = "GOING"  # what is below the row has yet to be taken away, a slice at a time
    GONE = "GONE"
    RETURNING = "RETURNING"  # what is below it has been brought back in part, for a restore that goes on
    PURGING = "PURGING"  # what is left of it has yet to be removed


class Base(DeclarativeBase):
    """What every table has in common."""


def table_of(model: type[Base]) -> Table:
    """Return the table of a model, to write statements about."""
    table = model.__table__
    assert isinstance(table, Table)  # noqa: S101 - for the type checker
    return table


def _one_of(column: str, choices: type[Enum]) -> CheckConstraint:
    names = ", ".join(f"'{choice.value}'" for choice in choices)
    return CheckConstraint(f"{column} IN ({names})", name=f"{column}_known")


def _length(column: str, most: int, least: int = 0) -> CheckConstraint:
    return CheckConstraint(f"length({column}) BETWEEN {least} AND {most}", name=f"{column}_length")


def _utc_offset(column: str) -> CheckConstraint:
    """Return the check that a column is an offset from UTC as values.UTC_OFFSET has it, in words of both databases."""
    hours = ", ".join(f"'{sign}{hour:02}'" for sign, most in (("-", 12), ("+", 14)) for hour in range(most + 1))
    tens, ones = (", ".join(f"'{digit}'" for digit in range(most)) for most in (6, 10))
    return CheckConstraint(
        f"substr({column}, 1, 3) IN ({hours}) AND substr({column}, 4, 1) = ':' AND substr({column}, 5, 1) IN ({tens}) "
        f"AND substr({column}, 6) IN ({ones}) "
        f"AND (substr({column}, 1, 3) NOT IN ('-12', '+14') OR substr({column}, 5) = '00') AND {column} <> '-00:00'",
        name=f"{column}_form",
    )


def _where(condition: str) -> dict[str, Any]:
    """Return the options of an index that has only the rows which meet a condition."""
    return {"sqlite_where": sql_text(condition), "postgresql_where": sql_text(condition)}


class Recorded:
    """Columns of every row that is changed through the API."""

    version: Mapped[int] = mapped_column(server_default="1")
    created_at: Mapped[datetime] = mapped_column(Time, server_default=CurrentTime())
    created_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    updated_at: Mapped[datetime] = mapped_column(Time, server_default=CurrentTime())
    updated_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))


class Tagged:
    """The column of every row that can have tags."""

    # A JSON array of them, as it is recorded, in the order in which they came; null where there are none.
    tags: Mapped[str | None] = mapped_column(Text, sort_order=4)


class User(Base):
    """Someone who has called with a valid token, or was named as a member before they ever did."""

    __tablename__ = "users"
    __table_args__ = (UniqueConstraint("issuer", "subject", name="users_by_subject"),)

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # Empty for whoever comes with a token that the shared secret signed; see app/identity/tokens.py.
    issuer: Mapped[str] = mapped_column(String(ISSUER_LENGTH), server_default="")
    subject: Mapped[str] = mapped_column(String(SUBJECT_LENGTH))
    name: Mapped[str | None] = mapped_column(String(200))
    email: Mapped[str | None] = mapped_column(String(200))
    # When the token was issued that said the two.
    profile_at: Mapped[datetime | None] = mapped_column(Time)
    created_at: Mapped[datetime] = mapped_column(Time, server_default=CurrentTime())


class CaseCounter(Base):
    """The last case number given out, in the table's one row; it only ever grows."""

    __tablename__ = "case_counter"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last_number: Mapped[int]


class Case(Recorded, Tagged, Base):
    """A case."""

    __tablename__ = "cases"
    __table_args__ = (
        _length("title", TITLE_LENGTH, least=1),
        _length("reference", REFERENCE_LENGTH),
        _length("description", DESCRIPTION_LENGTH),
        _one_of("status", CaseStatus),
        Index("cases_by_created_at", "created_at", "id"),
        Index("cases_by_updated_at", "updated_at", "id"),
        Index("cases_by_title", "title_key", "id"),
        Index("cases_by_reference", "reference_key"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    reference: Mapped[str | None] = mapped_column(String(REFERENCE_LENGTH))
    status: Mapped[str] = mapped_column(Choice(CaseStatus), server_default=CaseStatus.OPEN.value)
    title_key: Mapped[str] = mapped_column(Folded)
    # Long texts stand last: SQLite then reads the other columns without walking through them.
    description: Mapped[str | None] = mapped_column(Text, sort_order=1)
    # Nothing of it is destroyed before.
    retain_until: Mapped[datetime | None] = mapped_column(Time, sort_order=3)
    # While it is sealed: since when, by whom, why, and the root of its journal just before that.
    sealed_at: Mapped[datetime | None] = mapped_column(Time, sort_order=3)
    sealed_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"), sort_order=3)
    seal_reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH), sort_order=3)
    seal_root: Mapped[str | None] = mapped_column(String(64), sort_order=3)
    reference_key: Mapped[str | None] = mapped_column(Folded, sort_order=3)


class CaseMember(Base):
    """A user's role in a case; a grant that has expired is as none."""

    __tablename__ = "case_members"
    __table_args__ = (
        _one_of("role", CaseRole),
        Index("case_members_by_user", "user_id", "expires_at", "case_id"),
        Index("case_members_by_giver", "given_by", "user_id"),
    )

    case_id: Mapped[str] = mapped_column(Id, ForeignKey("cases.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Choice(CaseRole))
    expires_at: Mapped[datetime | None] = mapped_column(Time)
    # Who gave it, for as long as the user has not taken it up; see app/ownership.py.
    given_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"))


class Event(Recorded, Tagged, Base):
    """An event on a case's timeline."""

    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("case_id", "id", name="events_in_case"),
        _length("title", TITLE_LENGTH, least=1),
        _length("description", DESCRIPTION_LENGTH),
        _one_of("type", EventType),
        _one_of("time_precision", TimePrecision),
        CheckConstraint("occurred_until >= occurred_at", name="occurred_in_order"),
        _length("source", SOURCE_LENGTH),
        _length("time_kind", TIME_KIND_LENGTH),
        _utc_offset("utc_offset"),
        Index("events_by_occurred_at", "case_id", "occurred_at", "sort_order", "id"),
        Index("events_by_created_at", "case_id", "created_at", "id"),
        Index("events_by_updated_at", "case_id", "updated_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # No reference: what is deleted goes at once, and what was below it in slices; see app/record/removal.py.
    case_id: Mapped[str] = mapped_column(Id)
    type: Mapped[str] = mapped_column(Choice(EventType), server_default=EventType.NOTE.value)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    occurred_at: Mapped[datetime] = mapped_column(Time)
    occurred_until: Mapped[datetime | None] = mapped_column(Time)
    time_precision: Mapped[str] = mapped_column(Choice(TimePrecision), server_default=TimePrecision.EXACT.value)
    sort_order: Mapped[int] = mapped_column(server_default="0")
    # Where it is from, what its time says there, and the offset from UTC that it has there.
    source: Mapped[str | None] = mapped_column(String(SOURCE_LENGTH))
    time_kind: Mapped[str | None] = mapped_column(String(TIME_KIND_LENGTH))
    utc_offset: Mapped[str | None] = mapped_column(String(UTC_OFFSET_LENGTH))
    description: Mapped[str | None] = mapped_column(Text, sort_order=1)


class FileBatch(Recorded, Tagged, Base):
    """A labelled group of evidence files on an event."""

    __tablename__ = "file_batches"
    __table_args__ = (
        _length("label", TITLE_LENGTH, least=1),
        _length("file_types", FILE_TYPES_LENGTH),
        _length("description", DESCRIPTION_LENGTH),
        CheckConstraint("file_count >= 0", name="file_count_not_negative"),
        Index("file_batches_by_sort_order", "event_id", "sort_order", "id"),
        Index("file_batches_by_created_at", "event_id", "created_at", "id"),
        Index("file_batches_in_case_by_sort_order", "case_id", "sort_order", "id"),
        Index("file_batches_in_case_by_created_at", "case_id", "created_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(Id)
    event_id: Mapped[str] = mapped_column(Id)
    label: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    file_count: Mapped[int] = mapped_column(server_default="0")
    file_types: Mapped[str | None] = mapped_column(String(FILE_TYPES_LENGTH))
    sort_order: Mapped[int] = mapped_column(server_default="0")
    description: Mapped[str | None] = mapped_column(Text, sort_order=1)
    # Once its manifest is finished: the digest of that, how many bytes its files have, since when, and by whom.
    manifest_sha256: Mapped[str | None] = mapped_column(String(64), sort_order=5)
    total_bytes: Mapped[int | None] = mapped_column(BigInteger, sort_order=5)
    finished_at: Mapped[datetime | None] = mapped_column(Time, sort_order=5)
    finished_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"), sort_order=5)


class File(Base):
    """A file of a file batch, by the batch's manifest; it is never changed, and goes only when the batch is purged."""

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("size >= 0", name="size_not_negative"),
        Index("files_by_path", "batch_id", "path_key", unique=True),
        # All that the viewer may see with a hash are found case by case.
        Index("files_by_sha256", "sha256", "case_id", "id"),
        Index("files_by_sha1", "sha1", "case_id", "id", **_where("sha1 IS NOT NULL")),
        Index("files_by_md5", "md5", "case_id", "id", **_where("md5 IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(Id)
    event_id: Mapped[str] = mapped_column(Id)
    batch_id: Mapped[str] = mapped_column(Id)
    # As it is shown; of what is no UTF-8 the bytes, too, in base64 as they are told. For its key see record/files.py.
    path: Mapped[str] = mapped_column(Folded)
    size: Mapped[int] = mapped_column(BigInteger)
    modified_at: Mapped[datetime | None] = mapped_column(Time)
    sha256: Mapped[bytes] = mapped_column(Hash)
    sha1: Mapped[bytes | None] = mapped_column(Hash)
    md5: Mapped[bytes | None] = mapped_column(Hash)
    path_bytes: Mapped[str | None] = mapped_column(Text)
    path_key: Mapped[str] = mapped_column(Folded)


class SearchText(Base):
    """What is searched of a row, folded; see app/db/grams.py for the index over it."""

    __tablename__ = "search_texts"
    __table_args__ = (
        UniqueConstraint("row_id", name="search_texts_of_row"),
        Index("search_texts_by_case", "case_id", "id"),
        Index("search_texts_by_type", "type", "id").ddl_if(dialect="postgresql"),
        Index("search_texts_by_grams", "grams", postgresql_using="gin").ddl_if(dialect="postgresql"),
    )

    # It never changes, and grows from text to text: what was written last comes first where texts are listed.
    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)
    # What the record calls the row, and where it is.
    type: Mapped[str] = mapped_column(String(20))
    row_id: Mapped[str] = mapped_column(Id)
    case_id: Mapped[str] = mapped_column(Id)
    event_id: Mapped[str | None] = mapped_column(Id)
    # PostgreSQL's index is over these; SQLite has a table for it.
    grams: Mapped[str | None] = mapped_column(Grams)
    text: Mapped[str] = mapped_column(Folded)


class Tag(Base):
    """A tag of a row, to find rows by and to count: made of the row's own `tags`, and written with them."""

    __tablename__ = "tags"
    __table_args__ = (
        _length("tag", TAG_LENGTH, least=1),
        Index("tags_in_case", "case_id", "key", "row_id"),
        Index("tags_of_cases", "key", "row_id", **_where("row_id = case_id")),
        Index("tags_on_event", "event_id", "key", "row_id", **_where("event_id IS NOT NULL")),
    )

    row_id: Mapped[str] = mapped_column(Id, primary_key=True)
    # By which tags are the same that differ in case alone.
    key: Mapped[str] = mapped_column(Folded, primary_key=True)
    tag: Mapped[str] = mapped_column(String(TAG_LENGTH).with_variant(String(TAG_LENGTH, collation="C"), "postgresql"))
    case_id: Mapped[str] = mapped_column(Id)
    # That of a file batch, which isn't there without it.
    event_id: Mapped[str | None] = mapped_column(Id)


class Comment(Recorded, Base):
    """What somebody wrote about a case, an event or a file batch."""

    __tablename__ = "comments"
    __table_args__ = (
        _length("text", COMMENT_LENGTH, least=1),
        Index("comments_by_created_at", "row_id", "created_at", "id"),
        Index("comments_in_case", "case_id"),
        Index("comments_on_event", "event_id", **_where("event_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(Id)
    # The event that it is on, or that the batch is on that it is on; null for one on the case itself.
    event_id: Mapped[str | None] = mapped_column(Id)
    # What it is on.
    row_id: Mapped[str] = mapped_column(Id)
    # When its text was changed last; a restore changes none.
    edited_at: Mapped[datetime | None] = mapped_column(Time)
    text: Mapped[str] = mapped_column(Text, sort_order=1)


class Hold(Base):
    """A hold: while it isn't released, nothing of the case is destroyed."""

    __tablename__ = "holds"
    __table_args__ = (
        _length("name", TITLE_LENGTH, least=1),
        _length("reason", REASON_LENGTH, least=1),
        _length("reference", REFERENCE_LENGTH),
        _length("release_reason", REASON_LENGTH, least=1),
        _one_of("authority", Authority),
        Index("holds_by_case", "case_id", "placed_at", "id"),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # No reference: a case that was deleted can be held, too.
    case_id: Mapped[str] = mapped_column(Id)
    name: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    reason: Mapped[str] = mapped_column(String(REASON_LENGTH))
    reference: Mapped[str | None] = mapped_column(String(REFERENCE_LENGTH))
    authority: Mapped[str] = mapped_column(Choice(Authority))
    placed_at: Mapped[datetime] = mapped_column(Time)
    placed_by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    released_at: Mapped[datetime | None] = mapped_column(Time)
    released_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"))
    release_reason: Mapped[str | None] = mapped_column(String(REASON_LENGTH))


class Deletion(Base):
    """A row that was deleted, with all that was below it, and has neither been restored nor purged."""

    __tablename__ = "deletions"
    __table_args__ = (
        _one_of("state", DeletionState),
        Index("deletions_by_case", "case_id", "seq"),
        Index("deletions_under_way", "state", **_where("state IN ('GOING', 'PURGING')")),
    )

    row_id: Mapped[str] = mapped_column(Id, primary_key=True)
    case_id: Mapped[str] = mapped_column(Id)
    # As the entry of the record has them that says that it was deleted.
    type: Mapped[str] = mapped_column(String(20))
    event_id: Mapped[str | None] = mapped_column(Id)
    change_id: Mapped[str] = mapped_column(Id)
    seq: Mapped[int]
    at: Mapped[datetime] = mapped_column(Time)
    by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    state: Mapped[str] = mapped_column(Choice(DeletionState))
    # The last entry of the record that has been dealt with, by a restore or a purge that goes on.
    position: Mapped[int] = mapped_column(server_default="0")


class FormerMember(Base):
    """Whoever was a member of a case that was deleted: as what they come back with it."""

    __tablename__ = "former_members"
    __table_args__ = (Index("former_members_by_user", "user_id", "case_id"),)

    case_id: Mapped[str] = mapped_column(Id, primary_key=True)
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Choice(CaseRole))
    expires_at: Mapped[datetime | None] = mapped_column(Time)
    given_by: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"))


class Journal(Base):
    """The head of a case's journal. It outlives the case, and whoever appends holds it until they commit."""

    __tablename__ = "journals"
    __table_args__ = (
        Index("journals_to_log", "case_id", **_where("NOT is_logged")),
        Index("journals_by_time", "at", "case_id"),
    )

    case_id: Mapped[str] = mapped_column(Id, primary_key=True)
    size: Mapped[int]
    at: Mapped[datetime] = mapped_column(Time)
    # The roots of the perfect trees that its entries make, the largest first; see app/record/trees.py.
    frontier: Mapped[bytes] = mapped_column(LargeBinary)
    # That of the whole tree, in lower-case hexadecimal.
    root: Mapped[str] = mapped_column(String(64))
    # Whether the log may know this head. Under load it stays false from change to change, so that no index is touched.
    is_logged: Mapped[bool] = mapped_column(server_default=false())


class JournalEntry(Base):
    """One change to one row, never changed itself; see app/record/journal.py."""

    __tablename__ = "journal_entries"
    __table_args__ = (
        UniqueConstraint("case_id", "seq", name="journal_entries_in_order"),
        Index("journal_entries_by_row", "row_id", "seq"),
        Index("journal_entries_by_event", "event_id", "seq", **_where("event_id IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    # No reference: the record outlives what it is about.
    case_id: Mapped[str] = mapped_column(Id)
    seq: Mapped[int]
    at: Mapped[datetime] = mapped_column(Time)
    by: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    kind: Mapped[str] = mapped_column(Choice(ChangeKind))
    type: Mapped[str] = mapped_column(String(20))
    row_id: Mapped[str] = mapped_column(Id)
    # The event that the row is, or is on.
    event_id: Mapped[str | None] = mapped_column(Id)
    version: Mapped[int | None]
    request_id: Mapped[str | None] = mapped_column(String(REQUEST_ID_LENGTH))
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    # The leaf's hash, and the roots of the perfect trees that it completes.
    nodes: Mapped[bytes] = mapped_column(LargeBinary)
    # What was said of the row, the salt first; null when that was erased whole.
    said: Mapped[str | None] = mapped_column(Text)
    # The entry by which all or some of it was erased.
    erased_by: Mapped[int | None] = mapped_column(sort_order=1)


class LogHead(Base):
    """How far the installation's log has come, in the table's one row; whoever adds to the log holds it."""

    __tablename__ = "log_head"
    __table_args__ = (CheckConstraint("id = 1", name="one_log"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # What tells this log from those that begin alike; empty before the first entry. See app/record/log.py.
    incarnation: Mapped[str] = mapped_column(String(16), server_default="")
    # Where the database lies, as far as it can tell: what was restored from a dump lies elsewhere.
    place: Mapped[str] = mapped_column(Text, server_default="")
    size: Mapped[int] = mapped_column(server_default="0")
    frontier: Mapped[bytes] = mapped_column(LargeBinary)
    # The key that signs checkpoints, as a verifier key of C2SP's signed notes.
    key: Mapped[str | None] = mapped_column(Text)


class LogEntry(Base):
    """A leaf of the installation's log: the head of a case's journal, a key, or the beginning of an incarnation."""

    __tablename__ = "log_entries"
    __table_args__ = (Index("log_entries_by_case", "case_id", "last", **_where("case_id IS NOT NULL")),)

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(20))
    leaf: Mapped[str] = mapped_column(Text)
    # As those of a journal's entry.
    nodes: Mapped[bytes] = mapped_column(LargeBinary)
    # Whose head it is, the salt that hides that in the leaf, and the entries that came since the head before.
    case_id: Mapped[str | None] = mapped_column(Id)
    salt: Mapped[str | None] = mapped_column(String(22))
    first: Mapped[int | None]
    last: Mapped[int | None]


class LogMember(Base):
    """A user who came to see a case, or no longer does, by the entries that a leaf of the log stands for."""

    __tablename__ = "log_members"
    __table_args__ = (
        _one_of("kind", MemberMove),
        Index("log_members_by_case", "user_id", "case_id", "seq"),
        Index("log_members_by_end", "user_id", "ends_at", "case_id", **_where("ends_at IS NOT NULL")),
    )

    user_id: Mapped[str] = mapped_column(Id, primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    case_id: Mapped[str] = mapped_column(Id)
    kind: Mapped[str] = mapped_column(Choice(MemberMove))
    # When the role ends that they were given by these entries; with LEFT, one that they had had before.
    ends_at: Mapped[datetime | None] = mapped_column(Time)


class Checkpoint(Base):
    """A signed statement of how far the log has come: the newest, and those that are kept."""

    __tablename__ = "checkpoints"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime] = mapped_column(Time)
    text: Mapped[str] = mapped_column(Text)
    # Those that two keys signed, and the last ones of an incarnation.
    is_kept: Mapped[bool] = mapped_column(server_default=false())


class Request(Base):
    """A change that was asked for with an id of the client's; see app/resolvers/requests.py."""

    __tablename__ = "requests"
    __table_args__ = (Index("requests_by_time", "at"),)

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    request_id: Mapped[str] = mapped_column(String(REQUEST_ID_LENGTH), primary_key=True)
    at: Mapped[datetime] = mapped_column(Time)
    # Of what was asked for.
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    # What came of it: as JSON the key of the row that was changed, then its case, and the entry that says so.
    subject: Mapped[str | None] = mapped_column(Text)
    case_id: Mapped[str | None] = mapped_column(Id)
    change_id: Mapped[str | None] = mapped_column(Id)


class TrustedDocument(Base):
    """A document that clients may ask for by its id; see app/manifests.py for the form of ids."""

    __tablename__ = "trusted_documents"

    id: Mapped[str] = mapped_column(String(DOCUMENT_ID_LENGTH), primary_key=True)
    added_at: Mapped[datetime] = mapped_column(Time, server_default=CurrentTime())
    text: Mapped[str] = mapped_column(Text)
