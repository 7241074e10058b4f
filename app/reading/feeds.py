"""What has changed since: the journals in the order in which the installation's log took their heads in.

That order is one in which nothing ever comes before what was there already, whatever commits when; so whoever holds a
place in it misses nothing and gets nothing twice. The journal of one case has such an order of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    CompoundSelect,
    Integer,
    Select,
    Subquery,
    Text,
    and_,
    case,
    cast,
    exists,
    func,
    literal_column,
    not_,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.types import TypeEngine

from app.db.models import Case, Journal, JournalEntry, LogEntry, LogHead, LogMember, MemberMove, table_of
from app.db.sql import Piece, Stream, boolean, concatenation, cursor_text, joined, json_pieces, stream
from app.db.types import Choice, Id, Time
from app.ownership import Asking, readable
from app.reading import nouns
from app.reading.pages import DEFAULT_SIZE, ArgumentError, ExpiredCursorError, read_cursor, size_of
from app.reading.rows import Rows, braces, scalar
from app.reading.selections import Field
from app.values import GREATEST_ID, parse_id

if TYPE_CHECKING:
    from app.reading.statements import Planner


class FeedKind(Enum):
    """What an entry of a feed tells."""

    CHANGED = "CHANGED"
    JOINED = "JOINED"
    LEFT = "LEFT"


KIND: Column[str] = Column("kind", Choice(FeedKind), nullable=False)
CASE_ID: Column[str] = Column("case_id", Id, nullable=False)
"""Columns of a feed's entries."""

_CASES, _JOURNALS, _ENTRIES = table_of(Case), table_of(Journal), table_of(JournalEntry)
_HEAD, _LOG, _MOVES = table_of(LogHead), table_of(LogEntry), table_of(LogMember)
_PLACE, _TOTAL = literal_column("place", Integer()), literal_column("total", Integer())
_GREATEST = 2**31 - 1
_OUT = -1  # the place in a case's journal of whoever may not see the case
_NO_CHANGE = cast(null(), Id)
_ONE: ColumnElement[int] = literal_column("1")


@dataclass(frozen=True, slots=True)
class Since:
    """From where on a feed is asked for, how much of it, and of which case if of one.

    A place in the feed of all cases is: a number in the log; one in the journal that this leaf is about; up to which
    moment it was told whose roles had ended, None for the present one; and the last of the cases of that moment. A
    place in the feed of a case is one in its journal.
    """

    size: int
    case_id: str | None
    place: tuple[Any, ...]


def since(arguments: Mapping[str, Any], stamp: str) -> Since:
    """Return what the arguments of a feed ask for.

    `stamp` is what cursors of the feed of all cases have to have at present, if it is known. Raises ArgumentError, and
    ExpiredCursorError for a cursor with another one.
    """
    size, given = size_of(arguments, "first") or DEFAULT_SIZE, arguments.get("caseId")
    case_id = parse_id(given)
    if given is not None and case_id is None:
        raise ArgumentError("`caseId` is no id", "caseId")
    tag, kinds, start = (_ALL, _ALL_PLACE, _START) if case_id is None else (_ONE_CASE, _ONE_PLACE, (case_id, 0))
    key = read_cursor(arguments, "after", tag, [Text(), *kinds], "of another feed")
    found, *place = (stamp, *start) if key is None else key
    if stamp and found != stamp:
        raise ExpiredCursorError(
            "`after` can't be gone on from: the database was put back, or your rights are others; "
            "begin anew without it",
            "after",
        )
    if case_id is not None and place.pop(0) != case_id:
        raise ArgumentError("`after` is a cursor of the changes in another case", "after")
    return Since(size, case_id, tuple(place))


class ReadFeed:
    """A feed in a statement: a page of it, and what is said about that."""

    def __init__(
        self, planner: Planner, asking: Asking, field: Field, site: int, stamp: ColumnElement[str], *, of_case: bool
    ) -> None:
        """Take the field's place among the arguments; `stamp` is that of `since`, `of_case` says that one was given."""
        self._planner = planner
        self._asking = asking
        self._field = field
        self._site = site
        self._stamp = stamp
        self._of_case = of_case
        self._size = self._bind(lambda since: since.size, Integer())
        self._limit = self._bind(lambda since: since.size + 1, Integer())
        found = self._in_case() if of_case else self._in_all()
        self._rows = Rows(planner.name(), found.alias(planner.name()))  # type: ignore[arg-type]

    def json(self) -> ColumnElement[str]:
        """Return the JSON of the feed."""
        members = self._field.children()
        return self._text(members, braces((member.key, self._member(member)) for member in members))

    def text(self, member: Field) -> ColumnElement[str]:
        """Return the JSON of one member of the feed."""
        return self._text([member], self._member(member))

    def stream(self, member: Field) -> Stream:
        """Return the entries."""
        pieces = self._entry(member)
        return stream(self._arranged(self._size, placed=False), pieces, separated=True)

    def _text(self, members: Sequence[Field], pieces: Sequence[Piece]) -> ColumnElement[str]:
        answer = concatenation(pieces)
        if all(isinstance(member.lead, nouns.TypeName) for member in members):
            return answer  # for which no entry is looked at
        # One entry more than the page tells whether there is more.
        return scalar(select(answer).select_from(self._arranged(self._limit, placed=True)))

    def _arranged(self, limit: ColumnElement[int], *, placed: bool) -> Subquery:
        order = [self._rows.table.c[name] for name in self._order]
        return self._rows.arranged(self._rows.select().order_by(*order).limit(limit), ranked=placed)

    def _member(self, member: Field) -> list[Piece]:
        match member.lead:
            case nouns.FeedEntries():
                entry = case((self._size >= _PLACE, concatenation(self._entry(member))))
                return ["[", joined(entry), "]"]
            case nouns.FeedEnd():
                return ['"', self._end(), '"']
            case nouns.FeedIsRead():
                return [boolean(func.count() <= self._size)]
            case _:
                return [f'"{member.parent.name}"']

    def _entry(self, entries: Field) -> list[Piece]:
        return braces((field.key, self._of_entry(field)) for field in entries.children())

    def _of_entry(self, field: Field) -> list[Piece]:
        match field.lead:
            case nouns.FeedCursor():
                return ['"', self._cursor, '"']
            case nouns.FeedColumn(column):
                return json_pieces(self._rows.column(column.name), column.type, nullable=False)
            case nouns.TypeName():
                return [f'"{field.parent.name}"']
            case _:
                return self._planner.value(self._rows, field)

    def _end(self) -> ColumnElement[str]:
        last = func.max(case((self._size == _PLACE, self._cursor)), type_=Text())
        if self._of_case:
            very_last = func.max(case((_PLACE == _TOTAL, self._cursor)), type_=Text())
            given = self._cursor_at([self._case_id, self._place(0, Integer())])
            return func.coalesce(last, very_last, given, type_=Text())
        log = select(_HEAD.c.size).scalar_subquery()
        end = [log, literal_column(str(_GREATEST), Integer()), self._asking.moment, _LAST_ID]
        return case((func.count() <= self._size, self._cursor_at(end)), else_=last)

    @cached_property
    def _cursor(self) -> ColumnElement[str]:
        place = [self._rows.column(name) for name in self._order]
        return self._rows.below(self._cursor_at([self._case_id, *place] if self._of_case else place))

    def _cursor_at(self, place: Sequence[ColumnElement[Any]]) -> ColumnElement[str]:
        tag, kinds = (_ONE_CASE, _ONE_PLACE) if self._of_case else (_ALL, _ALL_PLACE)
        return cursor_text(tag, [(self._stamp, Text()), *zip(place, kinds, strict=True)])

    @property
    def _order(self) -> tuple[str, ...]:
        return ("seq",) if self._of_case else ("log", "seq", "moment", "last_case")

    # The feed of a case.

    def _in_case(self) -> CompoundSelect[Any]:
        place = self._place(0, Integer())
        seen = exists(
            select(_ONE).select_from(_CASES).where(_CASES.c.id == self._case_id, readable(_CASES, self._asking))
        )
        journal, entries = _JOURNALS.c, _ENTRIES.c
        changed = self._entries(entries.seq.label("seq"), "CHANGED", entries.case_id, entries.id).where(
            entries.case_id == self._case_id, entries.seq > place, place != _OUT, seen
        )
        joined_ = self._entries(journal.size.label("seq"), "JOINED", journal.case_id, _NO_CHANGE).where(
            journal.case_id == self._case_id, place == _OUT, seen
        )
        left = self._entries(
            literal_column(str(_OUT), Integer()).label("seq"), "LEFT", self._case_id, _NO_CHANGE
        ).where(place != _OUT, not_(seen))
        return union_all(*(self._some(each, "seq") for each in (changed, joined_, left)))

    # The feed of all cases.

    def _in_all(self) -> CompoundSelect[Any]:
        log, seq = self._place(0, Integer()), self._place(1, Integer())
        leaf, entries, asking = _LOG.c, _ENTRIES.c, self._asking
        leaves = (
            select(leaf.seq, leaf.case_id, leaf.first, leaf.last)
            .where(leaf.seq >= log, leaf.case_id.is_not(None), readable(_LOG, asking))
            .order_by(leaf.seq)
            .limit(self._limit + 1)  # the first one may have been told whole
            .correlate(None)
            .alias(self._planner.name())
        )
        in_leaf = and_(entries.case_id == leaves.c.case_id, entries.seq.between(leaves.c.first, leaves.c.last))
        changed = self._in_log(leaves.c.seq, entries.seq, "CHANGED", entries.case_id, entries.id)
        changed = changed.select_from(leaves.join(_ENTRIES, in_leaf)).where(
            tuple_(leaves.c.seq, entries.seq) > tuple_(log, seq)
        )
        parts = [changed]
        if not asking.reads_all:
            move, joined_ = _MOVES.c, literal_column(f"'{MemberMove.JOINED.value}'", Text())
            sees = readable(_MOVES, asking)
            moved = self._in_log(move.seq, literal_column("0", Integer()), move.kind, move.case_id, _NO_CHANGE)
            moved = moved.where(move.user_id == asking.viewer, move.seq > log)
            # Whoever was given a role that has ended by now may have been told of the case before that.
            left = and_(or_(move.kind != joined_, move.ends_at.is_not(None)), not_(sees))
            parts.append(moved.where(or_(and_(move.kind == joined_, sees), left)))
            parts.append(self._ended(log, seq).where(not_(sees)))
        return union_all(*(self._some(each, *self._order) for each in parts))

    def _ended(self, log: ColumnElement[int], seq: ColumnElement[int]) -> Select[Any]:
        """Return the roles that have ended since by themselves, of those that the log has told of before.

        They are those in the log, and not those that there are: whoever's role has ended leaves the case whether or
        not it is taken away then, or the case deleted.
        """
        move, later = _MOVES.c, _MOVES.alias("later")
        told_otherwise = exists(
            select(_ONE)
            .select_from(later)
            .where(later.c.user_id == move.user_id, later.c.case_id == move.case_id, later.c.seq > move.seq)
            .correlate(_MOVES)
        )
        return select(
            log.label("log"),
            seq.label("seq"),
            move.ends_at.label("moment"),
            move.case_id.label("last_case"),
            *self._said("LEFT", move.case_id, _NO_CHANGE),
        ).where(
            move.user_id == self._asking.viewer,
            tuple_(move.ends_at, move.case_id) > tuple_(self._told_until, self._place(3, Id())),
            move.ends_at <= self._asking.moment,
            move.seq <= log,
            not_(told_otherwise),
        )

    def _in_log(
        self,
        log: ColumnElement[int],
        seq: ColumnElement[int],
        kind: str | ColumnElement[str],
        case_id: ColumnElement[str],
        change: ColumnElement[Any],
    ) -> Select[Any]:
        return select(
            log.label("log"),
            seq.label("seq"),
            self._asking.moment.label("moment"),
            _LAST_ID.label("last_case"),
            *self._said(kind, case_id, change),
        )

    def _entries(
        self, seq: ColumnElement[int], kind: str, case_id: ColumnElement[str], change: ColumnElement[Any]
    ) -> Select[Any]:
        return select(seq, *self._said(kind, case_id, change))

    @staticmethod
    def _said(
        kind: str | ColumnElement[str], case_id: ColumnElement[str], change: ColumnElement[Any]
    ) -> list[ColumnElement[Any]]:
        said = literal_column(f"'{kind}'", Text()) if isinstance(kind, str) else cast(kind, Text)
        return [said.label("kind"), case_id.label("case_id"), change.label("change_id")]

    def _some(self, part: Select[Any], *order: str) -> Select[Any]:
        """Return the first rows of a part of a feed, as a part of a union."""
        first = part.order_by(*(literal_column(name) for name in order)).limit(self._limit).correlate(None)
        return select(first.alias(self._planner.name()))

    @property
    def _told_until(self) -> ColumnElement[datetime]:
        site = self._site
        return self._planner.bind(lambda run: run.arguments[site].place[2] or run.moment, Time())

    @cached_property
    def _case_id(self) -> ColumnElement[str]:
        return self._bind(lambda since: since.case_id, Id())

    def _place(self, step: int, kind: TypeEngine[Any]) -> ColumnElement[Any]:
        return self._bind(lambda since: since.place[step], kind)

    def _bind(self, value: Callable[[Since], Any], kind: TypeEngine[Any]) -> BindParameter[Any]:
        site = self._site
        return self._planner.bind(lambda run: value(run.arguments[site]), kind)


_ALL, _ONE_CASE = "feed", "case"
_ALL_PLACE: tuple[TypeEngine[Any], ...] = (Integer(), Integer(), Time(), Id())
_ONE_PLACE: tuple[TypeEngine[Any], ...] = (Id(), Integer())
_START = (0, 0, None, GREATEST_ID)
_LAST_ID = cast(literal_column(f"'{GREATEST_ID}'", Text()), Id)
