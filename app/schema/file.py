"""Files of file batches, and the manifests that list them."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from app.db import models
from app.reading.nouns import Begins, ByHash, Connection, Named, Noun, Reference, Stored, having_hash, text
from app.schema.fields import MutationInput, argument, condition, declared, field, input_type, noun
from app.schema.nodes import Node
from app.schema.pages import PAGE, pages_of
from app.schema.scalars import BigInt, DateTime
from app.schema.user import User

if TYPE_CHECKING:
    from app.schema.file_batch import FileBatch

_BATCHES = Noun(models.FileBatch)
_CASE_ID = "The id of the case that the event is in."
_EVENT_ID = "The id of the event that the batch is on."
_BATCH_ID = "The file batch's id."


class _FileOrder(Enum):
    """In which order files are listed: clients have no choice."""

    PATH_ASC = "PATH_ASC"
    CASE_ID_ASC = "CASE_ID_ASC"


@noun(_BATCHES)
class Manifest:
    """The finished list of a batch's files: it never changes, and its digest is in the record."""

    sha256: str = field(
        Stored(_BATCHES.table.c.manifest_sha256),
        "The SHA-256 of the list as `sha256sum` writes it, sorted by the bytes of the paths; in lower-case "
        "hexadecimal.",
    )
    file_count: int = field(Stored(_BATCHES.table.c.file_count), "How many files it lists.")
    total_bytes: BigInt = field(Stored(_BATCHES.table.c.total_bytes), "How many bytes they have together.")
    finished_at: DateTime = field(Stored(_BATCHES.table.c.finished_at), "When it was finished.")
    finished_by: User = field(Named("finished_by"), "Who finished it.")


@noun(Noun(models.File, order_columns={"PATH": ("path_key",)}))
class File(Node):
    """A file, as the manifest of its batch lists it. Dossier has what is said of it, and not the file itself."""

    file_batch: Annotated[FileBatch, strawberry.lazy("app.schema.file_batch")] = field(
        Reference("batch_id"), "The file batch that it is of."
    )
    path: str = strawberry.field(description="Its path; of what is no UTF-8, each byte is shown as `\\xNN`.")
    path_bytes: str | None = strawberry.field(
        description="The bytes of its path in base64 (RFC 4648, section 4); null where `path` says all."
    )
    size: BigInt = strawberry.field(description="How many bytes it has.")
    modified_at: DateTime | None = strawberry.field(description="When it was last modified, if that is known.")
    sha256: str = strawberry.field(description="The SHA-256 of what is in it, in lower-case hexadecimal.")
    sha1: str | None = strawberry.field(description="The SHA-1 of the same; null if it was not given.")
    md5: str | None = strawberry.field(description="The MD5 of the same; null if it was not given.")


FileConnection = pages_of(File, "file", "files", short="file")


@input_type
class FileFilter:
    """Which files to list: those that meet every condition given. A condition that is left out or null lets all
    pass.
    """

    text: str | None = condition(
        text,
        "Files with this text in the path. Upper and lower case are alike, and no character has a special meaning.",
    )
    hash: str | None = condition(
        having_hash, "Files with this SHA-256, SHA-1 or MD5, in 64, 40 or 32 hexadecimal digits."
    )
    path_prefix: str | None = condition(
        Begins(), "Files whose path begins with this, upper and lower case told apart; such as a folder, ending in `/`."
    )


FILES = declared(
    Connection("batch_id", _FileOrder.PATH_ASC),
    FileConnection,
    "The files of the batch by the bytes of their paths; those of which the first 1,000 bytes are alike, in an order "
    "of their own. While the manifest isn't finished, those that were added so far; of a case as it was, those of "
    "manifests that were finished by then.",
    where=argument(FileFilter | None, "Only files that meet all of these."),
    **PAGE,
)

FILES_BY_HASH = declared(
    ByHash(None, _FileOrder.CASE_ID_ASC),
    FileConnection,
    "The files with this hash, in all that you may see, those in the oldest case first.",
    hash=argument(str, "A SHA-256, a SHA-1 or an MD5, in 64, 40 or 32 hexadecimal digits."),
    **PAGE,
)


@input_type
class FileInput:
    """A file to list in a manifest."""

    path: str = strawberry.field(
        description="Its path: 1 to 32,767 bytes in UTF-8. Of what is no UTF-8, each byte as `\\xNN`, with `pathBytes`."
    )
    path_bytes: strawberry.Maybe[str | None] = strawberry.field(
        description="The bytes of its path in base64 (RFC 4648, section 4), where they are no UTF-8."
    )
    size: BigInt = strawberry.field(description="How many bytes it has: 0 or more.")
    modified_at: strawberry.Maybe[DateTime | None] = strawberry.field(description="When it was last modified.")
    sha256: str = strawberry.field(description="The SHA-256 of what is in it: 64 hexadecimal digits.")
    sha1: strawberry.Maybe[str | None] = strawberry.field(description="The SHA-1 of the same: 40 hexadecimal digits.")
    md5: strawberry.Maybe[str | None] = strawberry.field(description="The MD5 of the same: 32 hexadecimal digits.")


@input_type
class AddFilesInput(MutationInput):
    """Files to list in a manifest that isn't finished: all of them, or none."""

    case_id: strawberry.ID = strawberry.field(description=_CASE_ID)
    event_id: strawberry.ID = strawberry.field(description=_EVENT_ID)
    file_batch_id: strawberry.ID = strawberry.field(description=_BATCH_ID)
    files: list[FileInput] = strawberry.field(
        description="1 to 1,000 files, each with a path that no other file of the batch has."
    )


@input_type
class FinishManifestInput(MutationInput):
    """A manifest to finish."""

    case_id: strawberry.ID = strawberry.field(description=_CASE_ID)
    event_id: strawberry.ID = strawberry.field(description=_EVENT_ID)
    file_batch_id: strawberry.ID = strawberry.field(description=_BATCH_ID)
    file_count: int = strawberry.field(description="How many files were added: what is another number is refused.")
