/**
 * The audits of GraphQL over HTTP that graphql-http keeps: with a token each is passed, and without one each of their
 * requests is refused before it is looked at.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";

const url = process.env.DOSSIER_URL;
const { owner } = JSON.parse(process.env.DOSSIER_TOKENS);
const AUDITS = 61;

/** Returns a `fetch` that adds a header to those of an audit. */
const withToken = (request, { headers, ...options } = {}) =>
  fetch(request, { ...options, headers: { ...headers, authorization: `Bearer ${owner}` } });

const audits = serverAudits({ url, fetchFn: withToken });
assert.equal(audits.length, AUDITS);
for (const { id, name, fn } of audits) {
  test(`with a token, ${id}: ${name}`, async () => {
    assert.deepEqual(await fn(), { id, name, status: "ok" });
  });
}

for (const { id, name } of audits) {
  test(`without a token, ${id}: ${name}`, async () => {
    const answers = [];
    const fetchFn = async (...request) => {
      const answer = await fetch(...request);
      answers.push([answer.status, answer.headers.get("www-authenticate")]);
      return answer;
    };
    await serverAudits({ url, fetchFn }).find((audit) => audit.id === id).fn();
    assert.ok(answers.length > 0);
    assert.deepEqual(answers, answers.map(() => [401, "Bearer"]));
  });
}
