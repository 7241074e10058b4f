// Runs Relay's client as an app's screens would: what is in the store after each step.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import {
  commitMutation,
  createOperationDescriptor,
  fetchQuery,
  getRequest,
  getSingularSelector,
} from "relay-runtime";
import type { Environment, GraphQLTaggedNode, MutationParameters, OperationType, ReaderFragment } from "relay-runtime";
import * as screen from "./CaseScreen";
import PaginationQuery from "./__generated__/CaseScreenListPaginationQuery.graphql";
import type { CaseScreenListPaginationQuery } from "./__generated__/CaseScreenListPaginationQuery.graphql";
import RefetchQuery from "./__generated__/CaseScreenRefetchQuery.graphql";
import type { CaseScreenRefetchQuery } from "./__generated__/CaseScreenRefetchQuery.graphql";
import TimelinePaginationQuery from "./__generated__/CaseScreenTimelinePaginationQuery.graphql";
import type { CaseScreenTimelinePaginationQuery } from "./__generated__/CaseScreenTimelinePaginationQuery.graphql";
import type { CaseScreenAddBatchMutation } from "./__generated__/CaseScreenAddBatchMutation.graphql";
import type { CaseScreenAddEventMutation } from "./__generated__/CaseScreenAddEventMutation.graphql";
import type { CaseScreenCommentMutation } from "./__generated__/CaseScreenCommentMutation.graphql";
import type { CaseScreenCreateMutation } from "./__generated__/CaseScreenCreateMutation.graphql";
import type { CaseScreenDeleteMutation } from "./__generated__/CaseScreenDeleteMutation.graphql";
import type { CaseScreenListQuery } from "./__generated__/CaseScreenListQuery.graphql";
import type { CaseScreenQuery } from "./__generated__/CaseScreenQuery.graphql";
import type { CaseScreenTimelineQuery } from "./__generated__/CaseScreenTimelineQuery.graphql";
import type { CaseScreenUpdateMutation } from "./__generated__/CaseScreenUpdateMutation.graphql";
import type { CaseScreen_case$data } from "./__generated__/CaseScreen_case.graphql";
import type { CaseScreen_list$data } from "./__generated__/CaseScreen_list.graphql";
import type { CaseScreen_members$data } from "./__generated__/CaseScreen_members.graphql";
import type { CaseScreen_timeline$data } from "./__generated__/CaseScreen_timeline.graphql";
import DescribeMutation from "./corpus/__generated__/CaseChangesDescribeMutation.graphql";
import type { CaseChangesDescribeMutation } from "./corpus/__generated__/CaseChangesDescribeMutation.graphql";
import ViewerQuery from "./corpus/__generated__/ViewerQuery.graphql";
import { environmentOf } from "./environment";

function present<Value>(value: Value | null | undefined): Value {
  assert.ok(value !== null && value !== undefined);
  return value;
}

async function read<Query extends OperationType>(
  environment: Environment,
  query: GraphQLTaggedNode,
  variables: Query["variables"],
): Promise<Query["response"]> {
  environment.retain(createOperationDescriptor(getRequest(query), variables));
  return present(await fetchQuery<Query>(environment, query, variables).toPromise());
}

function change<Mutation extends MutationParameters>(
  environment: Environment,
  mutation: GraphQLTaggedNode,
  variables: Mutation["variables"],
): Promise<Mutation["response"]> {
  return new Promise((resolve, reject) => {
    commitMutation<Mutation>(environment, { mutation, variables, onCompleted: resolve, onError: reject });
  });
}

/** Returns what a component with this fragment would show now. */
function shown<Data>(environment: Environment, fragment: GraphQLTaggedNode, reference: unknown): Data {
  const found = environment.lookup(present(getSingularSelector(fragment as unknown as ReaderFragment, reference)));
  assert.equal(found.isMissingData, false);
  return found.data as Data;
}

suite("a case on a screen", () => {
  const environment = environmentOf("owner");
  const create = async (input: CaseScreenCreateMutation["variables"]["input"]) => {
    const variables = { input, connections: [] };
    const { createCase } = await change<CaseScreenCreateMutation>(environment, screen.CaseScreenCreateMutation, variables);
    return present(createCase.case).id;
  };
  const open = async (id: string, withMembers = false) =>
    present((await read<CaseScreenQuery>(environment, screen.CaseScreenQuery, { id, withMembers })).case);

  test("absent, null and a value reach the store", async () => {
    const id = await create({ title: "A case", description: "More", reference: "R-1" });
    const reference = await open(id);
    const now = () => shown<CaseScreen_case$data>(environment, screen.CaseScreenFragment, reference);
    assert.deepEqual(now(), { id, title: "A case", description: "More", reference: "R-1", version: 1 });
    const update = (input: Omit<CaseScreenUpdateMutation["variables"]["input"], "id">) =>
      change<CaseScreenUpdateMutation>(environment, screen.CaseScreenUpdateMutation, { input: { id, ...input } });
    assert.deepEqual((await update({ title: "Another" })).updateCase.errors, []);
    assert.deepEqual(now(), { id, title: "Another", description: "More", reference: "R-1", version: 2 });
    await update({ description: null, reference: "R-2" });
    assert.deepEqual(now(), { id, title: "Another", description: null, reference: "R-2", version: 3 });
    await update({ description: "Again", reference: undefined });
    assert.deepEqual(now(), { id, title: "Another", description: "Again", reference: "R-2", version: 4 });
    const refused = (await update({ title: null })).updateCase;
    assert.deepEqual([refused.case, refused.errors.map((error) => error.__typename)], [null, ["InvalidInputError"]]);
    assert.equal(now().version, 4);
  });

  test("a variable that is left out is sent as null; a field of an input is not sent", async () => {
    const id = await create({ title: "A case", description: "More", reference: "R-1" });
    const reference = await open(id);
    await change<CaseChangesDescribeMutation>(environment, DescribeMutation, { id, reference: "R-2" });
    await read<CaseScreenRefetchQuery>(environment, RefetchQuery, { id });
    const { description } = shown<CaseScreen_case$data>(environment, screen.CaseScreenFragment, reference);
    assert.equal(description, null);
  });

  test("a conflict brings the row as it is into the store", async () => {
    const id = await create({ title: "A case" });
    const reference = await open(id);
    const elsewhere = environmentOf("owner");
    await change<CaseScreenUpdateMutation>(elsewhere, screen.CaseScreenUpdateMutation, { input: { id, title: "Theirs" } });
    const now = () => shown<CaseScreen_case$data>(environment, screen.CaseScreenFragment, reference);
    assert.equal(now().title, "A case");
    const input = { id, title: "Mine", expectedVersion: now().version };
    const { updateCase } = await change<CaseScreenUpdateMutation>(environment, screen.CaseScreenUpdateMutation, { input });
    assert.deepEqual(updateCase.errors.map((error) => error.__typename), ["ConflictError"]);
    assert.deepEqual([now().title, now().version], ["Theirs", 2]);
  });

  test("a part is fetched again by its node", async () => {
    const id = await create({ title: "A case" });
    const reference = await open(id);
    const elsewhere = environmentOf("owner");
    await change<CaseScreenUpdateMutation>(elsewhere, screen.CaseScreenUpdateMutation, { input: { id, title: "Theirs" } });
    await read<CaseScreenRefetchQuery>(environment, RefetchQuery, { id });
    assert.equal(shown<CaseScreen_case$data>(environment, screen.CaseScreenFragment, reference).title, "Theirs");
  });

  test("a part is fetched when it is asked for", async () => {
    const id = await create({ title: "A case" });
    assert.equal((await open(id)).people, undefined);
    const { people } = await open(id, true);
    const { members } = shown<CaseScreen_members$data>(environment, screen.CaseScreenMembersFragment, people);
    assert.deepEqual(members.map(({ role, user }) => [role, user.subject]), [["OWNER", "relay-owner"]]);
  });

  test("a timeline grows by pages and by what is added", async () => {
    const id = await create({ title: "A case" });
    const add = (title: string, occurredAt: string, connections: string[] = []) =>
      change<CaseScreenAddEventMutation>(environment, screen.CaseScreenAddEventMutation, {
        input: { caseId: id, title, occurredAt },
        connections,
      });
    for (const day of [1, 2, 3]) {
      await add(`Day ${day}`, `2026-01-0${day}T00:00:00Z`);
    }
    const query = screen.CaseScreenTimelineQuery;
    const reference = present((await read<CaseScreenTimelineQuery>(environment, query, { id })).case);
    const now = () => shown<CaseScreen_timeline$data>(environment, screen.CaseScreenTimelineFragment, reference).events;
    const titles = () => now().edges.map((edge) => edge.node.title);
    assert.deepEqual(titles(), ["Day 1", "Day 2"]);
    const { pageInfo } = now() as unknown as { pageInfo: { endCursor: string } };
    const cursor = pageInfo.endCursor;
    await read<CaseScreenTimelinePaginationQuery>(environment, TimelinePaginationQuery, { id, count: 2, cursor });
    assert.deepEqual(titles(), ["Day 1", "Day 2", "Day 3"]);
    const { createEvent } = await add("Day 4", "2026-01-04T00:00:00Z", [now().__id]);
    assert.deepEqual(titles(), ["Day 1", "Day 2", "Day 3", "Day 4"]);
    const eventId = present(createEvent.event).id;
    const input = { caseId: id, eventId, label: "A batch" };
    await change<CaseScreenAddBatchMutation>(environment, screen.CaseScreenAddBatchMutation, { input });
    assert.equal(now().edges[3]?.node.fileBatches.totalCount, 1);
  });
});

test("a list grows by pages, and by what is created and deleted", async () => {
  const environment = environmentOf("lister");
  const change_ = (title: string, connections: string[]) =>
    change<CaseScreenCreateMutation>(environment, screen.CaseScreenCreateMutation, { input: { title }, connections });
  for (const title of ["One", "Two", "Three"]) {
    await change_(title, []);
  }
  const list = await read<CaseScreenListQuery>(environment, screen.CaseScreenListQuery, { count: 2 });
  const now = () => shown<CaseScreen_list$data>(environment, screen.CaseScreenListFragment, list).cases;
  const titles = () => now().edges.map((edge) => edge.node.title);
  assert.deepEqual(titles(), ["One", "Two"]);
  const { pageInfo } = now() as unknown as { pageInfo: { endCursor: string } };
  const cursor = pageInfo.endCursor;
  await read<CaseScreenListPaginationQuery>(environment, PaginationQuery, { count: 2, cursor });
  assert.deepEqual(titles(), ["One", "Two", "Three"]);
  const connections = [now().__id];
  await change_("Four", connections);
  assert.deepEqual(titles(), ["One", "Two", "Three", "Four"]);
  const { id } = present(now().edges[1]).node;
  const variables = { input: { id }, connections };
  const { deleteCase } = await change<CaseScreenDeleteMutation>(environment, screen.CaseScreenDeleteMutation, variables);
  assert.deepEqual([deleteCase.deletedId, deleteCase.errors], [id, []]);
  assert.deepEqual(titles(), ["One", "Three", "Four"]);
});

suite("the operations that all clients share", async () => {
  const environment = environmentOf("owner");
  const folder = join(__dirname, "corpus/__generated__");
  const texts = JSON.parse(readFileSync("relay/persisted.json", "utf8")) as Record<string, string>;

  /** Returns variables for any operation, on rows of its own. */
  async function variables(text: string): Promise<Record<string, unknown>> {
    const occurredAt = "2026-03-01T09:30:00Z";
    const title = "A title";
    const connections: string[] = [];
    const { createCase } = await change<CaseScreenCreateMutation>(environment, screen.CaseScreenCreateMutation, {
      input: { title },
      connections,
    });
    const caseId = present(createCase.case).id;
    const { createEvent } = await change<CaseScreenAddEventMutation>(environment, screen.CaseScreenAddEventMutation, {
      input: { caseId, title, occurredAt },
      connections,
    });
    const eventId = present(createEvent.event).id;
    const { createFileBatch } = await change<CaseScreenAddBatchMutation>(environment, screen.CaseScreenAddBatchMutation, {
      input: { caseId, eventId, label: title },
    });
    const batchId = present(createFileBatch.fileBatch).id;
    const id = /ileBatch\(/.test(text) && !text.includes("event(") ? batchId : /[^.]vent\(/.test(text) ? eventId : caseId;
    const { addComment } = await change<CaseScreenCommentMutation>(environment, screen.CaseScreenCommentMutation, {
      input: { caseId, on: eventId, text: title },
    });
    const commentId = present(addComment.comment).id;
    const subject = "relay-reader";
    const inputs: Record<string, object> = {
      CreateCaseInput: { title },
      UpdateCaseInput: { id: caseId, title },
      DeleteCaseInput: { id: caseId },
      CreateEventInput: { caseId, title, occurredAt },
      UpdateEventInput: { caseId, id: eventId, title },
      DeleteEventInput: { caseId, id: eventId },
      CreateFileBatchInput: { caseId, eventId, label: title },
      UpdateFileBatchInput: { caseId, eventId, id: batchId, label: title },
      DeleteFileBatchInput: { caseId, eventId, id: batchId },
      CreateEventsInput: { caseId, items: [{ title, occurredAt }] },
      CreateFileBatchesInput: { caseId, items: [{ eventId, label: title }] },
      DeleteEventsInput: { caseId, ids: [eventId] },
      AddTagsInput: { caseId, ids: [caseId, eventId, batchId], tags: ["title"] },
      RemoveTagsInput: { caseId, ids: [eventId], tags: ["title"] },
      AddCommentInput: { caseId, on: batchId, text: title },
      UpdateCommentInput: { caseId, id: commentId, text: "Another text" },
      DeleteCommentInput: { caseId, id: commentId },
      AddFilesInput: {
        ...{ caseId, eventId, fileBatchId: batchId },
        files: [{ path: "a.txt", size: 5, sha256: "0".repeat(64) }],
      },
      FinishManifestInput: { caseId, eventId, fileBatchId: batchId, fileCount: 0 },
      SetCaseMemberInput: { caseId, subject, role: "VIEWER" },
      AcceptCaseInput: { id: caseId },
      RemoveCaseMemberInput: { caseId, subject: "relay-owner-of-nothing" },
    };
    const all: Record<string, unknown> = {
      ...{ caseId, eventId, batchId, id, ids: [caseId, eventId, batchId] },
      ...{ one: text.includes("case(") ? caseId : title, other: text.includes("case(") ? caseId : title },
      ...{ tags: ["title"], kinds: null, after: null, where: null, hash: "0".repeat(64) },
      ...{ first: 1, last: 1, batches: 1, fileCount: 1, expectedVersion: 1, type: "NOTE", by: "DAY" },
      // Relay sends null for a variable that is left out, which here is no allowed value.
      timePrecision: "MINUTE",
      ...{ title, subject, text: "title", since: occurredAt, occurredAt, withMembers: true, withBatches: true },
      orderBy: text.includes("FileBatchOrder") ? ["CREATED_AT_ASC"] : null,
      input: inputs[/\$input: (\w+)!/.exec(text)?.[1] ?? ""],
    };
    const declared = [...text.matchAll(/\$(\w+): /g)].map((found) => found[1] ?? "");
    return Object.fromEntries(declared.filter((name) => name in all).map((name) => [name, all[name]]));
  }

  for (const name of readdirSync(folder).filter((name) => /(Query|Mutation)\.graphql\.js$/.test(name))) {
    test(name.replace(".graphql.js", ""), async () => {
      const { default: artifact } = (await import(join(folder, name))) as { default: { default: GraphQLTaggedNode } };
      const request = getRequest(artifact.default);
      const given = await variables(present(texts[request.params.id ?? ""]));
      if (request.params.operationKind === "query") {
        await read(environment, artifact.default, given);
        // Whatever was asked for is in the store, under what identifies it.
        const operation = createOperationDescriptor(request, given);
        assert.equal(environment.check(operation).status, "available");
        assert.equal(environment.lookup(operation.fragment).isMissingData, false);
      } else {
        await read(environmentOf("reader"), ViewerQuery, {});
        const payloads = await change(environment, artifact.default, given);
        const expected = name.startsWith("MembersRemove") ? 1 : 0;
        for (const payload of Object.values(payloads as Record<string, { errors: unknown[] }>)) {
          assert.equal(payload.errors.length, expected);
        }
      }
    });
  }
});
