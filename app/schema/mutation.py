"""Where every change begins."""

from __future__ import annotations

from app.resolvers import cases, comments, events, file_batches, files, holds, members, tags, trash
from app.resolvers.inputs import MOST_AT_ONCE
from app.schema.case import Case, CaseMember, CreateCaseInput, DeleteCaseInput, UpdateCaseInput
from app.schema.comment import AddCommentInput, Comment, DeleteCommentInput, UpdateCommentInput
from app.schema.event import (
    CreateEventInput,
    CreateEventsInput,
    DeleteEventInput,
    DeleteEventsInput,
    Event,
    UpdateEventInput,
)
from app.schema.fields import object_type
from app.schema.file import AddFilesInput, FinishManifestInput
from app.schema.file_batch import (
    CreateFileBatchesInput,
    CreateFileBatchInput,
    DeleteFileBatchInput,
    FileBatch,
    UpdateFileBatchInput,
)
from app.schema.kept import (
    EraseInput,
    Hold,
    PlaceHoldInput,
    PurgeInput,
    ReleaseHoldInput,
    RestoreInput,
    RetainCaseInput,
    SealCaseInput,
    UnsealCaseInput,
)
from app.schema.member import AcceptCaseInput, RemoveCaseMemberInput, SetCaseMemberInput
from app.schema.payloads import CERTIFICATE, PREVIEW, all_gone, change, gone, node, nodes, row, rows
from app.schema.tag import AddTagsInput, RemoveTagsInput

_GONE = gone("The id of what is gone")


@object_type
class Mutation:
    """Where every change begins. Each is made whole or not at all, and a refusal comes as data in `errors`. Several in
    one document are made one after the other; one that is refused does not undo or stop the others.
    """

    create_case = change(
        cases.create, CreateCaseInput, "What the case is to hold.", case=row(Case, "The case as it was created")
    )
    update_case = change(
        cases.update,
        UpdateCaseInput,
        "Which case, and what to change of it.",
        case=row(Case, "The case as it is after the change"),
    )
    delete_case = change(cases.delete, DeleteCaseInput, "Which case to delete.", deleted_id=_GONE)
    create_event = change(
        events.create,
        CreateEventInput,
        "The case, and what the event is to hold.",
        event=row(Event, "The event as it was created"),
    )
    update_event = change(
        events.update,
        UpdateEventInput,
        "Which event, with its case, and what to change of it.",
        event=row(Event, "The event as it is after the change"),
    )
    delete_event = change(events.delete, DeleteEventInput, "Which event to delete, with its case.", deleted_id=_GONE)
    create_events = change(
        events.create_each,
        CreateEventsInput,
        "The case, and what its new events are to hold.",
        events=rows(Event, "The events as they were created, in the order given", MOST_AT_ONCE),
    )
    delete_events = change(
        events.delete_each,
        DeleteEventsInput,
        "Which events to delete, with their case.",
        deleted_ids=all_gone("The ids of what is gone"),
    )
    create_file_batch = change(
        file_batches.create,
        CreateFileBatchInput,
        "The event with its case, and what the batch is to hold.",
        file_batch=row(FileBatch, "The file batch as it was created"),
    )
    create_file_batches = change(
        file_batches.create_each,
        CreateFileBatchesInput,
        "The case, and what the new batches of its events are to hold.",
        file_batches=rows(FileBatch, "The file batches as they were created, in the order given", MOST_AT_ONCE),
    )
    update_file_batch = change(
        file_batches.update,
        UpdateFileBatchInput,
        "Which file batch, with its event and case, and what to change of it.",
        file_batch=row(FileBatch, "The file batch as it is after the change"),
    )
    delete_file_batch = change(
        file_batches.delete,
        DeleteFileBatchInput,
        "Which file batch to delete, with its event and case.",
        deleted_id=_GONE,
    )
    add_files = change(
        files.add,
        AddFilesInput,
        "The file batch, with its event and case, and its files.",
        file_batch=row(FileBatch, "The file batch as it is"),
    )
    finish_manifest = change(
        files.finish,
        FinishManifestInput,
        "The file batch, with its event and case, and how many files it has.",
        file_batch=row(FileBatch, "The file batch with its manifest"),
    )
    add_tags = change(
        tags.add,
        AddTagsInput,
        "What gets which tags, with the case.",
        nodes=nodes("What was named, as it is after the change, in that order", tags.MOST_ROWS),
    )
    remove_tags = change(
        tags.remove,
        RemoveTagsInput,
        "What loses which tags, with the case.",
        nodes=nodes("What was named, as it is after the change, in that order", tags.MOST_ROWS),
    )
    add_comment = change(
        comments.add,
        AddCommentInput,
        "What the comment is on, with the case, and what it says.",
        comment=row(Comment, "The comment as it was written"),
    )
    update_comment = change(
        comments.update,
        UpdateCommentInput,
        "Which comment, with its case, and what it is to say.",
        comment=row(Comment, "The comment as it is after the change"),
    )
    delete_comment = change(
        comments.delete, DeleteCommentInput, "Which comment to delete, with its case.", deleted_id=_GONE
    )
    seal_case = change(
        cases.seal, SealCaseInput, "Which case to seal, and why.", case=row(Case, "The case, now sealed")
    )
    unseal_case = change(
        cases.unseal,
        UnsealCaseInput,
        "The seal of which case to break, and why.",
        case=row(Case, "The case, no longer sealed"),
    )
    retain_case = change(
        cases.retain,
        RetainCaseInput,
        "Which case to keep, and until when.",
        case=row(Case, "The case as it is after the change"),
    )
    place_hold = change(
        holds.place, PlaceHoldInput, "The case, and what the hold says.", hold=row(Hold, "The hold as it was placed")
    )
    release_hold = change(
        holds.release, ReleaseHoldInput, "Which hold to release, and why.", hold=row(Hold, "The hold, now released")
    )
    restore = change(trash.restore, RestoreInput, "What to bring back.", node=node("What was brought back"))
    purge = change(
        trash.purge,
        PurgeInput,
        "What to remove for good, and why.",
        certificate=CERTIFICATE,
        preview=PREVIEW,
    )
    erase = change(trash.erase, EraseInput, "Of which changes which fields are to be erased, and why.", preview=PREVIEW)
    set_case_member = change(
        members.set_role,
        SetCaseMemberInput,
        "The case, the user and their role.",
        member=row(CaseMember, "The member as they are now"),
    )
    accept_case = change(
        members.take_up, AcceptCaseInput, "Which case to take up.", case=row(Case, "The case, now taken up")
    )
    remove_case_member = change(
        members.remove,
        RemoveCaseMemberInput,
        "The case and the user.",
        deleted_id=gone("The id of the user who is no longer a member"),
    )
