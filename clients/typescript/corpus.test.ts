// Runs every operation as an app would, with what is expected of each answer.
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, suite, test } from "node:test";
import { Client, RequestError } from "./client.js";
import * as api from "./generated/graphql.js";

const tokens = JSON.parse(process.env.DOSSIER_TOKENS ?? "{}") as Record<string, string>;
const as = (user: string) => new Client(tokens[user] ?? "");
const owner = as("owner");
const reader = as("reader");
const lister = as("lister");
const auditor = as("auditor");
const NOWHERE = "00000000-0000-7000-8000-000000000000";
const MARCH = "2026-03-01T09:30:00.000000Z";

function present<Value>(value: Value | null | undefined): Value {
  assert.ok(value !== null && value !== undefined);
  return value;
}

async function newCase(given: Partial<api.CreateCaseInput> = {}, who = owner) {
  const { createCase } = await who.run(api.CaseChangesCreateMutationDocument, { input: { title: "A case", ...given } });
  assert.deepEqual(createCase.errors, []);
  return present(createCase.case);
}

async function newEvent(caseId: string, given: Partial<api.CreateEventInput> = {}) {
  const input = { caseId, title: "An event", occurredAt: MARCH, ...given };
  const { createEvent } = await owner.run(api.EventChangesCreateMutationDocument, { input });
  assert.deepEqual(createEvent.errors, []);
  return present(createEvent.event);
}

async function newBatch(caseId: string, eventId: string, given: Partial<api.CreateFileBatchInput> = {}) {
  const input = { caseId, eventId, label: "A batch", ...given };
  const { createFileBatch } = await owner.run(api.BatchChangesCreateMutationDocument, { input });
  assert.deepEqual(createFileBatch.errors, []);
  return present(createFileBatch.fileBatch);
}

/** What an app would tell its user, each kind of refusal in its own way. */
function told(error: api.Refusals_ErrorFragment): string {
  switch (error.__typename) {
    case "ConflictError":
      switch (error.current.__typename) {
        case "Case":
        case "Event":
          return `${error.current.title} is at version ${error.currentVersion}`;
        case "FileBatch":
          return `${error.current.label} has ${error.current.fileCount} files at version ${error.currentVersion}`;
        case "Comment":
          return `it is at version ${error.currentVersion}`;
        case "Change":
        case "File":
        case "Hold":
        case "User":
          return "it has no versions";
      }
    case "ForbiddenError":
      return `takes ${error.requiredRole}`;
    case "InvalidInputError":
    case "RequestMismatchError":
    case "StateError":
      return error.message;
    case "NotFoundError":
      return `nothing at ${error.path.join(".")}`;
  }
}

suite("who is asking", () => {
  test("the viewer", async () => {
    const { viewer } = await reader.run(api.ViewerQueryDocument, {});
    assert.deepEqual(viewer, { id: viewer.id, issuer: "", subject: "typescript-reader", name: null, email: null });
    const { node } = await reader.run(api.NodeLookupUserQueryDocument, { id: viewer.id });
    assert.deepEqual(node, { __typename: "User", ...viewer });
    assert.deepEqual((await as("lister").run(api.NodeLookupUserQueryDocument, { id: viewer.id })).node, null);
  });

  test("a request without a token", async () => {
    const refused = { name: "Error", code: "UNAUTHENTICATED" };
    await assert.rejects(new Client("").run(api.ViewerQueryDocument, {}), refused);
  });
});

suite("the list of cases", async () => {
  const made = new Map<string, string>();
  test("pages, filters, orders and counts", async () => {
    for (const [title, status] of [["Apples", "OPEN"], ["pears", "ACTIVE"], ["Quinces", "CLOSED"]] as const) {
      made.set(title, (await newCase({ title, status, reference: `R-${title}` }, lister)).id);
    }
    const { cases } = await lister.run(api.CaseListQueryDocument, {});
    assert.deepEqual(
      cases.nodes.map((node) => ({ ...node, number: 0 })),
      [["Quinces", "CLOSED"], ["pears", "ACTIVE"], ["Apples", "OPEN"]].map(([title = "", status]) => ({
        id: made.get(title),
        number: 0,
        title,
        reference: `R-${title}`,
        status,
        viewerRole: "OWNER",
      })),
    );
    const overview = await lister.run(api.ViewerWithCasesQueryDocument, { first: 1 });
    assert.equal(overview.viewer.subject, "typescript-lister");
    assert.deepEqual(overview.cases, {
      totalCount: 3,
      nodes: [{ id: made.get("Quinces"), title: "Quinces", viewerRole: "OWNER" }],
    });

    const first = (await lister.run(api.CaseListPageQueryDocument, { first: 2 })).cases;
    const cursors = first.edges.map((edge) => edge.cursor);
    assert.deepEqual(first, {
      totalCount: 3,
      edges: ["Apples", "pears"].map((title, place) => ({ cursor: cursors[place], node: { id: made.get(title), title } })),
      pageInfo: { hasNextPage: true, hasPreviousPage: false, startCursor: cursors[0], endCursor: cursors[1] },
    });
    const after = first.pageInfo.endCursor;
    const second = (await lister.run(api.CaseListPageQueryDocument, { first: 2, after })).cases;
    assert.deepEqual(second.edges.map((edge) => edge.node.title), ["Quinces"]);
    assert.deepEqual([second.pageInfo.hasNextPage, second.pageInfo.hasPreviousPage], [false, true]);
    const whole = (await lister.run(api.CaseListPageQueryDocument, { first: null, after: null })).cases;
    assert.deepEqual(whole.edges.map((edge) => edge.node.title), ["Apples", "pears", "Quinces"]);
    const last = (await lister.run(api.CaseListBackQueryDocument, { last: 1 })).cases;
    assert.deepEqual(last.nodes, [{ id: made.get("Quinces"), title: "Quinces" }]);
    const back = (await lister.run(api.CaseListBackQueryDocument, { last: 2, before: last.pageInfo.startCursor })).cases;
    assert.deepEqual(back.nodes.map((node) => node.title), ["Apples", "pears"]);

    const titles = (found: { nodes: { title: string }[] }) => found.nodes.map((node) => node.title);
    const searched = (await lister.run(api.CaseListSearchQueryDocument, { text: "PEAR" })).cases;
    assert.deepEqual(searched, { totalCount: 1, nodes: [{ title: "pears" }] });
    for (const [status, expected] of [
      [["OPEN", "CLOSED"], ["Apples", "Quinces"]],
      [[], []],
      [null, ["Apples", "pears", "Quinces"]],
      [undefined, ["Apples", "pears", "Quinces"]],
    ] as [api.CaseStatus[] | null | undefined, string[]][]) {
      const variables = status === undefined ? {} : { status };
      assert.deepEqual(titles((await lister.run(api.CaseListByStatusQueryDocument, variables)).cases), expected);
    }
    const filters: [api.CaseListFilterQueryQueryVariables, string[]][] = [
      [{}, ["Quinces", "pears", "Apples"]],
      [{ where: null, orderBy: null }, ["Quinces", "pears", "Apples"]],
      [{ where: { text: null, status: null }, orderBy: [] }, ["Quinces", "pears", "Apples"]],
      [{ where: { text: "r-", status: ["OPEN", "ACTIVE"] }, orderBy: ["TITLE_DESC"] }, ["pears", "Apples"]],
      [{ orderBy: ["NUMBER_ASC"], first: 1 }, ["Apples"]],
    ];
    for (const [variables, expected] of filters) {
      assert.deepEqual(titles((await lister.run(api.CaseListFilterQueryDocument, variables)).cases), expected);
    }
    assert.deepEqual(await lister.run(api.CaseListOrdersQueryDocument, {}), {
      newest: { nodes: [{ title: "Quinces" }] },
      oldest: { nodes: [{ title: "Apples" }] },
      firstOfTheAlphabet: { nodes: [{ title: "Apples" }] },
    });
    assert.deepEqual(await lister.run(api.CaseListCountsQueryDocument, {}), {
      all: { totalCount: 3 },
      open: { totalCount: 1 },
      underWay: { totalCount: 2 },
      closed: { totalCount: 1 },
    });

    const id = present(made.get("pears"));
    const changed = await lister.run(api.CaseDetailAuthorsQueryDocument, { id });
    const since = present(changed.case).updatedAt;
    assert.deepEqual((await lister.run(api.CaseListChangedQueryDocument, { since })).cases.nodes.map((node) => node.title), [
      "pears",
      "Quinces",
    ]);
    for (const [variables, totalCount] of [
      [{}, 3],
      [{ earliest: since }, 2],
      [{ until: since }, 1],
      [{ earliest: null, until: null }, 3],
      [{ earliest: since, until: since }, 0],
    ] as [api.CaseListCreatedQueryQueryVariables, number][]) {
      assert.deepEqual(await lister.run(api.CaseListCreatedQueryDocument, variables), { cases: { totalCount } });
    }
    const summary = (await lister.run(api.CaseListOverviewQueryDocument, {})).cases.nodes;
    assert.deepEqual(summary.map((node) => node.events), Array(3).fill({ totalCount: 0, nodes: [] }));
  });

  test("a cursor of another list is an error of the request", async () => {
    const refused = { code: "INVALID_INPUT" };
    await assert.rejects(lister.run(api.CaseListPageQueryDocument, { after: "ff" }), refused);
    await assert.rejects(lister.run(api.CaseListPageQueryDocument, { first: 101 }), RequestError);
  });
});

suite("a case", () => {
  test("with and without its parts", async () => {
    const made = await newCase({ description: "More", reference: "R-1" });
    const { id } = made;
    const whole = {
      id,
      number: made.number,
      title: "A case",
      description: "More",
      reference: "R-1",
      status: "OPEN",
      viewerRole: "OWNER",
      version: 1,
    };
    assert.deepEqual(await owner.run(api.CaseDetailQueryDocument, { id }), { case: whole });
    assert.deepEqual(await reader.run(api.CaseDetailQueryDocument, { id }), { case: null });
    const seen = present((await auditor.run(api.CaseDetailQueryDocument, { id })).case);
    assert.deepEqual(seen, { ...whole, viewerRole: "VIEWER" });
    const authors = present((await owner.run(api.CaseDetailAuthorsQueryDocument, { id })).case);
    assert.match(authors.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    const subject = { subject: "typescript-owner" };
    const { createdAt } = authors;
    assert.deepEqual(authors, { createdAt, createdBy: subject, updatedAt: createdAt, updatedBy: subject });
    const optional: [api.CaseDetailOptionalQueryQueryVariables, object][] = [
      [{ id, withMembers: true }, { title: "A case", description: "More", reference: "R-1", members: [{ role: "OWNER" }] }],
      [{ id, withMembers: false, withoutText: false }, { title: "A case", description: "More", reference: "R-1" }],
      [{ id, withMembers: false, withoutText: true }, { title: "A case" }],
    ];
    for (const [variables, expected] of optional) {
      assert.deepEqual(await owner.run(api.CaseDetailOptionalQueryDocument, variables), { case: expected });
    }
    assert.deepEqual(await owner.run(api.CaseDetailTypenamesQueryDocument, { id }), {
      case: {
        __typename: "Case",
        createdBy: { __typename: "User" },
        events: { __typename: "EventConnection", pageInfo: { __typename: "PageInfo" } },
      },
    });
    const two = await owner.run(api.CaseDetailTwoQueryDocument, { one: id, other: NOWHERE });
    assert.deepEqual(two, { one: { title: "A case" }, other: null });
  });

  test("in short: made, renamed, described, closed, deleted", async () => {
    const short = await owner.run(api.CaseChangesCreateShortMutationDocument, { title: "Short" });
    const { id } = present(short.createCase.case);
    assert.deepEqual(short.createCase, { case: { id, title: "Short", status: "ACTIVE" }, errors: [] });
    const renamed = await owner.run(api.CaseChangesRenameMutationDocument, { id, title: "Renamed", expectedVersion: 1 });
    assert.deepEqual(renamed.updateCase, { case: { title: "Renamed", version: 2 }, errors: [] });
    const late = await owner.run(api.CaseChangesRenameMutationDocument, { id, title: "Too late", expectedVersion: 1 });
    assert.deepEqual([late.updateCase.case, late.updateCase.errors.map(told)], [null, ["Renamed is at version 2"]]);
    const anyway = await owner.run(api.CaseChangesRenameMutationDocument, { id, title: "Anyway" });
    assert.deepEqual(anyway.updateCase.case, { title: "Anyway", version: 3 });
    const described: [Partial<api.CaseChangesDescribeMutationMutationVariables>, (string | null)[], number][] = [
      [{ description: "More", reference: "R-1" }, ["More", "R-1"], 4],
      [{}, ["More", "R-1"], 4],
      [{ description: null }, [null, "R-1"], 5],
      [{ reference: null, description: "Again" }, ["Again", null], 6],
    ];
    for (const [given, [description, reference], version] of described) {
      const { updateCase } = await owner.run(api.CaseChangesDescribeMutationDocument, { id, ...given });
      assert.deepEqual(updateCase, { case: { description, reference, version }, errors: [] });
    }
    const closed = await owner.run(api.CaseChangesCloseMutationDocument, { id });
    assert.deepEqual(closed.updateCase, { case: { status: "CLOSED" }, errors: [] });
    const forbidden = await auditor.run(api.CaseChangesCloseMutationDocument, { id });
    assert.deepEqual(forbidden.updateCase.errors.map(told), ["takes CONTRIBUTOR"]);
    const refused = await owner.run(api.CaseChangesDeleteMutationDocument, { input: { id } });
    assert.match(refused.deleteCase.errors.map(told).join(), /^the case is closed, /);
    const reopened = await owner.run(api.CaseChangesReopenMutationDocument, { id });
    assert.deepEqual(reopened.updateCase, { case: { status: "ACTIVE" }, errors: [] });
    const gone = await owner.run(api.CaseChangesDeleteMutationDocument, { input: { id } });
    assert.deepEqual(gone.deleteCase, { deletedId: id, errors: [] });
  });

  test("its members", async () => {
    const { id } = await newCase();
    const { viewer } = await reader.run(api.ViewerQueryDocument, {});
    const subject = viewer.subject;
    const set = await owner.run(api.MembersSetMutationDocument, { input: { caseId: id, subject, role: "EDITOR" } });
    assert.deepEqual(set.setCaseMember, { member: { role: "EDITOR", expiresAt: null, user: viewer }, errors: [] });
    const expiresAt = "2999-12-31T00:00:00.000000Z";
    const invited = await owner.run(api.MembersInviteMutationDocument, { caseId: id, subject, expiresAt });
    assert.deepEqual(invited.setCaseMember, { member: { role: "VIEWER", expiresAt }, errors: [] });
    const { viewer: self } = await owner.run(api.ViewerQueryDocument, {});
    const members = present((await reader.run(api.CaseDetailMembersQueryDocument, { id })).case).members;
    const bySubject = members.toSorted((one, other) => one.user.subject.localeCompare(other.user.subject));
    assert.deepEqual(bySubject, [
      { role: "OWNER", expiresAt: null, user: self },
      { role: "VIEWER", expiresAt, user: viewer },
    ]);
    const taken = await reader.run(api.MembersAcceptMutationDocument, { input: { id } });
    assert.deepEqual(taken.acceptCase, { case: { id, viewerAccepted: true }, errors: [] });
    const weak = await reader.run(api.MembersInviteMutationDocument, { caseId: id, subject: self.subject });
    assert.deepEqual(weak.setCaseMember.errors.map(told), ["takes OWNER"]);
    const removed = await owner.run(api.MembersRemoveMutationDocument, { input: { caseId: id, subject } });
    assert.deepEqual(removed.removeCaseMember, { deletedId: viewer.id, errors: [] });
    const again = await owner.run(api.MembersRemoveMutationDocument, { input: { caseId: id, subject } });
    assert.deepEqual(again.removeCaseMember.errors.map(told), ["nothing at input.subject"]);
  });
});

suite("finding", () => {
  test("many at once, with tags and comments, and what finds them", async () => {
    const { id: caseId } = await newCase({ title: "Quay" });
    const items = [0, 1, 2].map((number) => ({ title: `Barge ${number}`, occurredAt: MARCH }));
    const { createEvents } = await owner.run(api.FindingCreateEventsMutationDocument, { input: { caseId, items } });
    assert.deepEqual(createEvents.errors, []);
    const [one, two, three] = createEvents.events.map((event) => event.id) as [string, string, string];
    const blank = { input: { caseId, items: [{ title: " ", occurredAt: MARCH }] } };
    const refused = (await owner.run(api.FindingCreateEventsMutationDocument, blank)).createEvents;
    assert.deepEqual(refused.errors.map((error) => [told(error), error.path]), [
      ["`items[0].title` must not be blank", ["input", "items", "0", "title"]],
    ]);
    const { createFileBatches } = await owner.run(api.FindingCreateFileBatchesMutationDocument, {
      input: { caseId, items: [{ eventId: one, label: "Hull" }, { eventId: two, label: "Keel" }] },
    });
    assert.deepEqual(createFileBatches.fileBatches.map((batch) => batch.label), ["Hull", "Keel"]);
    const hull = present(createFileBatches.fileBatches[0]).id;

    const tags = { caseId, ids: [caseId, one, hull], tags: ["Port", "Night"] };
    const { addTags } = await owner.run(api.FindingAddTagsMutationDocument, { input: tags });
    assert.deepEqual([addTags.errors, addTags.nodes.map((node) => node.__typename)], [[], ["Case", "Event", "FileBatch"]]);
    const fewer = { input: { caseId, ids: [hull], tags: ["night"] } };
    assert.deepEqual((await owner.run(api.FindingRemoveTagsMutationDocument, fewer)).removeTags.errors, []);
    assert.deepEqual((await owner.run(api.FindingTaggedQueryDocument, { caseId, tags: ["PORT"] })).case, {
      tags: ["Port", "Night"],
      tagCounts: [{ tag: "Port", count: 3 }, { tag: "Night", count: 2 }],
      events: { nodes: [{ title: "Barge 0", tags: ["Port", "Night"] }] },
      fileBatches: { nodes: [{ label: "Hull", tags: ["Port"] }] },
    });

    const remark = { input: { caseId, on: two, text: "Sunk by no one" } };
    const said = present((await owner.run(api.FindingAddCommentMutationDocument, remark)).addComment.comment);
    assert.deepEqual([said.edited, said.version, said.on], [false, 1, { __typename: "Event", id: two }]);
    const { search } = await owner.run(api.FindingSearchQueryDocument, { text: "NO ONE" });
    assert.deepEqual(search.nodes.map((hit) => [hit.kind, hit.excerpt, hit.case.title, hit.node]), [
      ["COMMENT", "Sunk by no one", "Quay", { __typename: "Comment", id: said.id }],
    ]);
    const page = (await owner.run(api.FindingSearchQueryDocument, { text: "barge", kinds: ["EVENT"], first: 2 })).search;
    assert.deepEqual([page.nodes.map((hit) => hit.excerpt), page.totalCount], [["Barge 2", "Barge 1"], 3]);
    const after = page.pageInfo.endCursor;
    const rest = (await owner.run(api.FindingSearchQueryDocument, { text: "barge", kinds: ["EVENT"], after })).search;
    assert.deepEqual(rest.nodes.map((hit) => hit.excerpt), ["Barge 0"]);

    const edit = { input: { caseId, id: said.id, text: "Sunk by someone" } };
    const edited = present((await owner.run(api.FindingUpdateCommentMutationDocument, edit)).updateComment.comment);
    assert.deepEqual([edited.text, edited.edited, edited.version], ["Sunk by someone", true, 2]);
    const listed = (await owner.run(api.FindingCommentsQueryDocument, { caseId, eventId: two })).event;
    assert.deepEqual(listed?.comments, { totalCount: 1, nodes: [edited] });
    const { deleteComment } = await owner.run(api.FindingDeleteCommentMutationDocument, { input: { caseId, id: said.id } });
    assert.deepEqual(deleteComment, { deletedId: said.id, errors: [] });
    const ends = { input: { caseId, ids: [one, three] } };
    const { deleteEvents } = await owner.run(api.FindingDeleteEventsMutationDocument, ends);
    assert.deepEqual(deleteEvents, { deletedIds: [one, three], errors: [] });
  });
});

suite("files of a batch", () => {
  test("listed, finished once, and found", async () => {
    const { id: caseId } = await newCase({ title: "Store" });
    const { id: eventId } = await newEvent(caseId);
    const { id } = await newBatch(caseId, eventId, { label: "Crates" });
    const named = { caseId, eventId, fileBatchId: id };
    const [one, two] = [randomBytes(32).toString("hex"), randomBytes(32).toString("hex")];
    const files = [
      { path: "b.txt", size: 2 ** 40, sha256: one, md5: "0".repeat(32), modifiedAt: MARCH },
      { path: "a.txt", size: 5, sha256: two.toUpperCase() },
    ];
    const { addFiles } = await owner.run(api.FilesAddMutationDocument, { input: { ...named, files } });
    assert.deepEqual(addFiles, { fileBatch: { id }, errors: [] });
    const finish = { input: { ...named, fileCount: 1 } };
    const { finishManifest: early } = await owner.run(api.FilesFinishMutationDocument, finish);
    assert.deepEqual(early.errors.map(told), ["`fileCount` is 1, but 2 files were added"]);
    finish.input.fileCount = 2;
    const { finishManifest } = await owner.run(api.FilesFinishMutationDocument, finish);
    const sha256 = createHash("sha256").update(`${two}  a.txt\n${one}  b.txt\n`).digest("hex");
    const totals = { fileCount: 2, totalBytes: 2 ** 40 + 5 };
    assert.deepEqual(finishManifest, { fileBatch: { ...totals, version: 2, manifest: { sha256 } }, errors: [] });
    const { addFiles: late } = await owner.run(api.FilesAddMutationDocument, { input: { ...named, files } });
    assert.deepEqual(late.errors.map(told), ["`fileBatchId` has a manifest that is finished, and never changes"]);

    const read = async (more: Partial<api.FilesQueryQueryVariables> = {}) =>
      present((await owner.run(api.FilesQueryDocument, { caseId, eventId, id, ...more })).fileBatch);
    const page = await read({ first: 1 });
    const { finishedAt, ...manifest } = present(page.manifest);
    assert.deepEqual(manifest, { sha256, ...totals, finishedBy: { subject: "typescript-owner" } });
    assert.match(finishedAt, /^\d{4}-.*Z$/);
    const [a] = page.files.nodes;
    const nothing = { pathBytes: null, modifiedAt: null, sha1: null, md5: null };
    assert.deepEqual(a, { id: present(a).id, path: "a.txt", size: 5, sha256: two, ...nothing });
    const rest = (await read({ first: 1, after: page.files.pageInfo.endCursor })).files;
    assert.deepEqual([rest.nodes.map((file) => file.path), rest.totalCount], [["b.txt"], 2]);
    for (const where of [{ text: "B.T" }, { hash: one }, { hash: "0".repeat(32) }, { pathPrefix: "b" }]) {
      assert.deepEqual((await read({ where })).files.nodes, rest.nodes);
    }
    const { filesByHash } = await owner.run(api.FilesByHashQueryDocument, { hash: one });
    assert.equal(filesByHash.totalCount, 1);
    const [found] = filesByHash.nodes;
    const batch = found?.fileBatch;
    assert.deepEqual([found?.path, batch?.label, batch?.event.case.title], ["b.txt", "Crates", "Store"]);
    assert.equal((await reader.run(api.FilesByHashQueryDocument, { hash: one })).filesByHash.totalCount, 0);
  });
});

suite("a timeline", () => {
  test("with its batches", async () => {
    const { id: caseId } = await newCase();
    const days = ["2026-01-01", "2026-01-02", "2026-01-03"].map((day) => `${day}T00:00:00.000000Z`);
    const types = ["FINDING", "ACTION", "NOTE"] as const;
    const events: api.Timeline_EventFragment[] = [];
    for (const [place, occurredAt] of days.entries()) {
      const type = types[place] ?? "NOTE";
      events.push(await newEvent(caseId, { title: `Day ${place + 1}`, occurredAt, type, timePrecision: "DAY" }));
    }
    const [one, two, three] = events as [api.Timeline_EventFragment, api.Timeline_EventFragment, api.Timeline_EventFragment];
    const first = await newBatch(caseId, one.id, { label: "First", fileCount: 7000, fileTypes: ".pdf", sortOrder: 1 });
    const second = await newBatch(caseId, one.id, { label: "Second", fileCount: 3, sortOrder: 2 });

    const page = present((await owner.run(api.TimelineQueryDocument, { caseId, first: 2 })).case).events;
    const none = { totalCount: 0, nodes: [] };
    assert.deepEqual(page.totalCount, 3);
    assert.deepEqual(page.nodes, [
      { ...one, fileBatches: { totalCount: 2, nodes: [first, second] } },
      { ...two, fileBatches: none },
    ]);
    const rest = await owner.run(api.TimelineQueryDocument, { caseId, after: page.pageInfo.endCursor });
    assert.deepEqual(rest.case?.events.nodes, [{ ...three, fileBatches: none }]);
    assert.deepEqual(rest.case?.events.pageInfo.hasNextPage, false);

    const filters: [Partial<api.TimelineFilteredQueryQueryVariables>, string[]][] = [
      [{}, ["Day 1", "Day 2", "Day 3"]],
      [{ where: { type: ["NOTE"], text: null }, orderBy: null }, ["Day 3"]],
      [{ where: { text: "DAY", occurredBefore: two.occurredAt } }, ["Day 1"]],
      [{ orderBy: ["OCCURRED_AT_DESC"] }, ["Day 3", "Day 2", "Day 1"]],
    ];
    for (const [variables, expected] of filters) {
      const found = await owner.run(api.TimelineFilteredQueryDocument, { caseId, ...variables });
      assert.deepEqual(found.case?.events, { totalCount: expected.length, nodes: expected.map((title) => ({ title })) });
    }
    const back = (await owner.run(api.TimelineBackQueryDocument, { caseId, last: 1 })).case?.events;
    assert.deepEqual([back?.nodes, back?.pageInfo.hasPreviousPage], [[{ title: "Day 3" }], true]);
    const before = back?.pageInfo.startCursor ?? null;
    const further = (await owner.run(api.TimelineBackQueryDocument, { caseId, last: 5, before })).case?.events;
    assert.deepEqual(further?.nodes, [{ title: "Day 1" }, { title: "Day 2" }]);
    const between = await owner.run(api.TimelineBetweenQueryDocument, {
      caseId,
      earliest: two.occurredAt,
      until: three.occurredAt,
    });
    assert.deepEqual(between.case?.events.nodes, [
      { title: "Day 2", occurredAt: two.occurredAt, occurredUntil: null, timePrecision: "DAY" },
    ]);
    const findings = await owner.run(api.TimelineFindingsQueryDocument, { caseId });
    assert.deepEqual(findings.case?.events.nodes, [{ title: "Day 1", type: "FINDING" }]);
    const searched = await owner.run(api.TimelineSearchQueryDocument, { caseId, text: "y 2" });
    assert.deepEqual(searched.case?.events.nodes, [{ title: "Day 2" }]);
    assert.deepEqual((await owner.run(api.TimelineCountsQueryDocument, { caseId })).case, {
      all: { totalCount: 3 },
      findings: { totalCount: 1 },
      rest: { totalCount: 2 },
    });
    const overTime = await owner.run(api.TimelineOverTimeQueryDocument, { caseId, by: "DAY", where: { type: ["NOTE", "ACTION"] } });
    assert.deepEqual(overTime.case?.eventCounts, [
      { from: days[1], until: days[2], count: 1 },
      { from: days[2], until: "2026-01-04T00:00:00.000000Z", count: 1 },
    ]);
    assert.match(overTime.case?.lastActivityAt ?? "", /^20..-..-..T/);
    const since = "2000-01-01T00:00:00+01:00";
    const changed = await owner.run(api.TimelineChangedQueryDocument, { caseId, since });
    assert.deepEqual(changed.case?.events, { totalCount: 3 });
    const edges = present((await owner.run(api.TimelineEdgesQueryDocument, { caseId, batches: 1 })).case).events.edges;
    assert.deepEqual(
      edges.map((edge) => [edge.node.title, edge.node.fileBatches.edges.map((inner) => inner.node.label)]),
      [["Day 1", ["First"]], ["Day 2", []], ["Day 3", []]],
    );
    assert.deepEqual(edges.map((edge) => edge.node.fileBatches.pageInfo.hasNextPage), [true, false, false]);
    const turned = await owner.run(api.TimelineBatchOrderQueryDocument, { caseId, orderBy: ["SORT_ORDER_DESC"] });
    assert.deepEqual(turned.case?.events.nodes[0]?.fileBatches.nodes, [{ label: "Second" }, { label: "First" }]);
    const all = await owner.run(api.TimelineBatchesQueryDocument, { caseId, where: { fileTypes: "PDF" }, orderBy: ["CREATED_AT_DESC"] });
    assert.deepEqual(all.case?.fileBatches.nodes, [{ label: "First", event: { title: "Day 1" } }]);
    assert.equal(present((await owner.run(api.TimelineBatchesQueryDocument, { caseId })).case).fileBatches.totalCount, 2);
    const stacks = await owner.run(api.TimelineStacksQueryDocument, { caseId, withBatches: true });
    assert.deepEqual(stacks.case?.events.nodes[0]?.fileBatches?.nodes, [{ fileCount: 7000 }, { fileCount: 3 }]);
    const bare = await owner.run(api.TimelineStacksQueryDocument, { caseId, withBatches: false });
    assert.deepEqual(bare.case?.events.nodes[0], { title: "Day 1" });

    // One event and one batch, by their paths, and the way back up.
    assert.deepEqual((await owner.run(api.EventDetailQueryDocument, { caseId, id: one.id })).event, one);
    assert.deepEqual((await owner.run(api.EventDetailQueryDocument, { caseId: NOWHERE, id: one.id })).event, null);
    const found = await owner.run(api.CaseDetailEventQueryDocument, { id: caseId, eventId: two.id });
    assert.deepEqual(found.case, { title: "A case", event: { title: "Day 2" } });
    const subject = { subject: "typescript-owner" };
    assert.deepEqual((await owner.run(api.EventDetailBackQueryDocument, { caseId, id: one.id })).event, {
      title: "Day 1",
      case: { id: caseId, title: "A case", status: "OPEN" },
      createdBy: subject,
      updatedBy: subject,
    });
    const inner = await owner.run(api.EventDetailBatchQueryDocument, { caseId, id: one.id, batchId: first.id });
    assert.deepEqual(inner.event, { fileBatch: first });
    const outer = await owner.run(api.EventDetailBatchQueryDocument, { caseId, id: two.id, batchId: first.id });
    assert.deepEqual(outer.event, { fileBatch: null });
    const batches = await owner.run(api.EventDetailBatchPageQueryDocument, { caseId, id: one.id, first: 1 });
    const stacked = present(batches.event).fileBatches;
    assert.deepEqual([stacked.totalCount, stacked.nodes, stacked.pageInfo.hasNextPage], [2, [{ label: "First" }], true]);
    const after = stacked.pageInfo.endCursor;
    const next = await owner.run(api.EventDetailBatchPageQueryDocument, { caseId, id: one.id, first: 1, after });
    assert.deepEqual(next.event?.fileBatches.nodes, [{ label: "Second" }]);
    const path = { caseId, eventId: one.id, id: first.id };
    assert.deepEqual((await owner.run(api.BatchDetailQueryDocument, path)).fileBatch, first);
    assert.deepEqual((await owner.run(api.BatchDetailQueryDocument, { ...path, eventId: two.id })).fileBatch, null);
    assert.deepEqual((await owner.run(api.BatchDetailBackQueryDocument, path)).fileBatch, {
      label: "First",
      createdBy: subject,
      event: { title: "Day 1", case: { title: "A case" } },
    });
    assert.deepEqual((await owner.run(api.BatchDetailSiblingsQueryDocument, path)).fileBatch, {
      label: "First",
      event: { fileBatches: { nodes: [{ label: "First" }, { label: "Second" }] } },
    });

    // Whatever has an id.
    const ids = [first.id, NOWHERE, caseId, one.id];
    assert.deepEqual((await owner.run(api.NodeLookupManyQueryDocument, { ids })).nodes, [
      { __typename: "FileBatch", id: first.id },
      null,
      { __typename: "Case", id: caseId },
      { __typename: "Event", id: one.id },
    ]);
    assert.deepEqual((await owner.run(api.NodeLookupVersionsQueryDocument, { ids })).nodes, [
      { __typename: "FileBatch", version: 1 },
      null,
      { __typename: "Case", version: 1 },
      { __typename: "Event", version: 1 },
    ]);
    assert.deepEqual((await owner.run(api.NodeLookupQueryDocument, { id: caseId })).node, { __typename: "Case", id: caseId });
    assert.deepEqual((await reader.run(api.NodeLookupQueryDocument, { id: caseId })).node, null);
    const { node: typed } = await owner.run(api.NodeLookupTypedQueryDocument, { id: one.id });
    assert.deepEqual(typed, { __typename: "Event", occurredAt: one.occurredAt, title: "Day 1" });
    const { node: whole } = await owner.run(api.NodeLookupFragmentsQueryDocument, { id: first.id });
    assert.deepEqual(whole, { __typename: "FileBatch", ...first });
  });

  test("in short: events and batches made, moved, counted and deleted", async () => {
    const { id: caseId } = await newCase();
    const noted = await owner.run(api.EventChangesNoteMutationDocument, { caseId, title: "Noted", occurredAt: MARCH });
    const event = present(noted.createEvent.event);
    const { id } = event;
    assert.deepEqual(event, {
      id,
      type: "NOTE",
      title: "Noted",
      description: null,
      occurredAt: MARCH,
      occurredUntil: null,
      timePrecision: "EXACT",
      sortOrder: 0,
      source: null,
      timeKind: null,
      utcOffset: null,
      version: 1,
    });
    const occurredUntil = "2026-03-02T00:00:00.000000Z";
    const moves: [Partial<api.EventChangesMoveMutationMutationVariables>, (string | null)[]][] = [
      [{ occurredUntil, timePrecision: "MINUTE" }, [MARCH, occurredUntil, "MINUTE"]],
      [{}, [MARCH, occurredUntil, "MINUTE"]],
      [{ occurredAt: "2026-03-01T00:00:00Z", occurredUntil: null }, ["2026-03-01T00:00:00.000000Z", null, "MINUTE"]],
    ];
    for (const [given, [at, until, timePrecision]] of moves) {
      const { updateEvent } = await owner.run(api.EventChangesMoveMutationDocument, { caseId, id, ...given });
      assert.deepEqual(updateEvent, {
        event: { occurredAt: at, occurredUntil: until, timePrecision },
        errors: [],
      });
    }
    const early = { caseId, id, occurredUntil: "2020-01-01T00:00:00Z" };
    const wrong = await owner.run(api.EventChangesMoveMutationDocument, early);
    assert.deepEqual(wrong.updateEvent.errors.map(told), ["`occurredUntil` must not lie before `occurredAt`"]);
    const retype = { caseId, id, type: "FINDING" as const };
    const typed = await owner.run(api.EventChangesRetypeMutationDocument, { ...retype, expectedVersion: 3 });
    assert.deepEqual(typed.updateEvent, { event: { type: "FINDING", version: 4 }, errors: [] });
    const late = await owner.run(api.EventChangesRetypeMutationDocument, { ...retype, expectedVersion: 3 });
    assert.deepEqual(late.updateEvent.errors.map(told), ["Noted is at version 4"]);

    const pair = await owner.run(api.BatchChangesPairMutationDocument, { caseId, eventId: id, one: "One", other: " " });
    const batch = present(pair.one.fileBatch);
    assert.deepEqual(pair, {
      one: { fileBatch: { id: batch.id, label: "One" }, errors: [] },
      other: { fileBatch: null, errors: [{ path: ["input", "label"] }] },
    });
    const input = { caseId, eventId: id, label: "Another" };
    const { createFileBatch } = await owner.run(api.BatchChangesCreateOnEventMutationDocument, { input });
    assert.deepEqual(createFileBatch, {
      fileBatch: { label: "Another", event: { title: "Noted", fileBatches: { totalCount: 2 } } },
      errors: [],
    });
    const path = { caseId, eventId: id, id: batch.id };
    const counted = await owner.run(api.BatchChangesRecountMutationDocument, { ...path, fileCount: 12 });
    assert.deepEqual(counted.updateFileBatch, { fileBatch: { fileCount: 12, version: 2 }, errors: [] });
    const conflict = await owner.run(api.BatchChangesRecountMutationDocument, { ...path, fileCount: 13, expectedVersion: 1 });
    assert.deepEqual(conflict.updateFileBatch.errors.map(told), ["One has 12 files at version 2"]);
    const described: [Partial<api.BatchChangesDescribeMutationMutationVariables>, object][] = [
      [{ description: "More", fileTypes: ".pdf" }, { description: "More", fileTypes: ".pdf", version: 3 }],
      [{ description: null }, { description: null, fileTypes: ".pdf", version: 4 }],
    ];
    for (const [given, fileBatch] of described) {
      const { updateFileBatch } = await owner.run(api.BatchChangesDescribeMutationDocument, { ...path, ...given });
      assert.deepEqual(updateFileBatch, { fileBatch, errors: [] });
    }
    const { deleteFileBatch } = await owner.run(api.BatchChangesDeleteMutationDocument, { input: path });
    assert.deepEqual(deleteFileBatch, { deletedId: batch.id, errors: [] });
    const { deleteEvent } = await owner.run(api.EventChangesDeleteMutationDocument, { input: { caseId, id } });
    assert.deepEqual(deleteEvent, { deletedId: id, errors: [] });
    const gone = await owner.run(api.EventChangesDeleteMutationDocument, { input: { caseId, id } });
    assert.deepEqual(gone.deleteEvent.errors.map(told), ["nothing at input.id"]);
  });
});

type Outcomes = Record<string, Record<"absent" | "null" | "value", unknown>>;
const OPTIONAL = JSON.parse(await readFile("optional_fields.json", "utf8")) as Record<string, Outcomes>;
const ROWS = {
  case: { title: "A case", description: "More about it", reference: "D-1", status: "ACTIVE" },
  event: {
    title: "An event",
    description: "More about it",
    type: "ACTION",
    occurredAt: MARCH,
    occurredUntil: "2026-03-03T00:00:00.000000Z",
    timePrecision: "MINUTE",
    sortOrder: 7,
    source: "a.log",
    timeKind: "Log time",
    utcOffset: "+02:00",
  },
  batch: { label: "A batch", description: "More about it", fileCount: 7, fileTypes: ".pdf", sortOrder: 7 },
} as const;

type Answer = { row: object | null | undefined; deletedId?: string | null; errors: api.Refusals_ErrorFragment[] };
/** Runs a mutation on rows of its own, with more in its input. */
const RUNS: Record<string, (given: object) => Promise<Answer>> = {
  async createCase(given) {
    const variables = { input: { title: "A case", ...given } };
    const { createCase } = await owner.run(api.CaseChangesCreateMutationDocument, variables);
    return { row: createCase.case, errors: createCase.errors };
  },
  async updateCase(given) {
    const { id } = await newCase(ROWS.case);
    const { updateCase } = await owner.run(api.CaseChangesUpdateMutationDocument, { input: { id, ...given } });
    return { row: updateCase.case, errors: updateCase.errors };
  },
  async deleteCase(given) {
    const { id } = await newCase();
    const { deleteCase } = await owner.run(api.CaseChangesDeleteMutationDocument, { input: { id, ...given } });
    return { row: null, ...deleteCase };
  },
  async createEvent(given) {
    const { id: caseId } = await newCase();
    const variables = { input: { caseId, title: "An event", occurredAt: MARCH, ...given } };
    const { createEvent } = await owner.run(api.EventChangesCreateMutationDocument, variables);
    return { row: createEvent.event, errors: createEvent.errors };
  },
  async updateEvent(given) {
    const { id: caseId } = await newCase();
    const { id } = await newEvent(caseId, ROWS.event);
    const { updateEvent } = await owner.run(api.EventChangesUpdateMutationDocument, { input: { caseId, id, ...given } });
    return { row: updateEvent.event, errors: updateEvent.errors };
  },
  async deleteEvent(given) {
    const { id: caseId } = await newCase();
    const { id } = await newEvent(caseId);
    const { deleteEvent } = await owner.run(api.EventChangesDeleteMutationDocument, { input: { caseId, id, ...given } });
    return { row: null, ...deleteEvent };
  },
  async createFileBatch(given) {
    const { id: caseId } = await newCase();
    const { id: eventId } = await newEvent(caseId);
    const variables = { input: { caseId, eventId, label: "A batch", ...given } };
    const { createFileBatch } = await owner.run(api.BatchChangesCreateMutationDocument, variables);
    return { row: createFileBatch.fileBatch, errors: createFileBatch.errors };
  },
  async updateFileBatch(given) {
    const { id: caseId } = await newCase();
    const { id: eventId } = await newEvent(caseId);
    const { id } = await newBatch(caseId, eventId, ROWS.batch);
    const variables = { input: { caseId, eventId, id, ...given } };
    const { updateFileBatch } = await owner.run(api.BatchChangesUpdateMutationDocument, variables);
    return { row: updateFileBatch.fileBatch, errors: updateFileBatch.errors };
  },
  async deleteFileBatch(given) {
    const { id: caseId } = await newCase();
    const { id: eventId } = await newEvent(caseId);
    const { id } = await newBatch(caseId, eventId);
    const variables = { input: { caseId, eventId, id, ...given } };
    const { deleteFileBatch } = await owner.run(api.BatchChangesDeleteMutationDocument, variables);
    return { row: null, ...deleteFileBatch };
  },
  async setCaseMember(given) {
    const { id: caseId } = await newCase();
    const { subject } = (await reader.run(api.ViewerQueryDocument, {})).viewer;
    const input = { caseId, subject, role: "VIEWER" as const, ...given };
    const { setCaseMember } = await owner.run(api.MembersSetMutationDocument, { input });
    return { row: setCaseMember.member && { ...setCaseMember.member, ...setCaseMember.member.user }, errors: setCaseMember.errors };
  },
  async removeCaseMember(given) {
    const { id: caseId } = await newCase();
    const { subject } = (await reader.run(api.ViewerQueryDocument, {})).viewer;
    await owner.run(api.MembersInviteMutationDocument, { caseId, subject });
    const { removeCaseMember } = await owner.run(api.MembersRemoveMutationDocument, { input: { caseId, subject, ...given } });
    return { row: null, ...removeCaseMember };
  },
};

suite("absent, null and a value", () => {
  for (const [mutation, fields] of Object.entries(OPTIONAL)) {
    for (const [field, outcomes] of Object.entries(fields)) {
      test(`${mutation}: ${field}`, async () => {
        const given = { absent: {}, null: { [field]: null }, value: { [field]: outcomes.value } };
        for (const kind of ["absent", "null", "value"] as const) {
          const { row, deletedId, errors } = await present(RUNS[mutation])(given[kind]);
          if (outcomes[kind] === "refused") {
            assert.deepEqual([row, errors.map(told)], [null, [`\`${field}\` must not be null`]]);
            assert.deepEqual(errors.map((error) => [error.code, error.path]), [["INVALID_INPUT", ["input", field]]]);
          } else if (/^(delete|remove)/.test(mutation)) {
            assert.deepEqual([typeof deletedId, errors], ["string", []]);
          } else {
            const shown = field === "expectedVersion" ? "version" : field;
            assert.deepEqual([Object(row)[shown], errors], [outcomes[kind], []]);
          }
        }
      });
    }
  }

  test("a version that is no longer the newest", async () => {
    for (const mutation of ["updateCase", "deleteCase", "updateEvent", "deleteEvent", "updateFileBatch", "deleteFileBatch"]) {
      const { row, deletedId, errors } = await present(RUNS[mutation])({ expectedVersion: 9 });
      assert.deepEqual([row, deletedId ?? null, errors.map((error) => error.__typename)], [null, null, ["ConflictError"]]);
    }
  });
});

after(() => {
  const all = Object.keys(api).filter((name) => /(Query|Mutation)Document$/.test(name));
  const unused = all.map((name) => name.replace("Document", "")).filter((name) => !Client.used.has(name));
  assert.deepEqual(unused, [], "operations that nothing runs");
  assert.ok(all.length >= 60);
});
