// Makes a case and lists the newest ones.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { print } from "graphql";
import { CasesDocument, CreateCaseDocument } from "./gql/graphql.ts";

async function run<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
  const response = await fetch(process.env.API_URL ?? "http://127.0.0.1:8000/graphql", {
    method: "POST",
    headers: { Authorization: `Bearer ${process.env.DOSSIER_TOKEN}`, "Content-Type": "application/json" },
    body: JSON.stringify({ query: print(document), variables }),
  });
  const { data, errors } = (await response.json()) as { data?: Data; errors?: { message: string }[] };
  if (!data || errors) throw new Error(errors?.[0]?.message ?? response.statusText);
  return data;
}

const { createCase } = await run(CreateCaseDocument, { input: { title: "Made by my client" } });
for (const { message } of createCase.errors) console.error(message);
const { cases } = await run(CasesDocument, { first: 10 });
for (const { number, title, viewerRole } of cases.nodes) console.log(number, title, viewerRole);
