// The least that a client needs: documents with their types go in, answers with theirs come out. A document that the
// client preset knows goes by its id, which is registered; any other by its text.
import type { TypedDocumentNode } from "@graphql-typed-document-node/core";
import { getOperationAST, print } from "graphql";

export class RequestError extends Error {
  readonly code: string;

  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

export class Client {
  static readonly used = new Set<string>();
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** Returns the data of an operation; throws a RequestError for a document that can't be run. */
  async run<Data, Variables>(document: TypedDocumentNode<Data, Variables>, variables: Variables): Promise<Data> {
    Client.used.add(getOperationAST(document)?.name?.value ?? "");
    const id = (document as { __meta__?: { hash?: string } }).__meta__?.hash;
    const response = await fetch(process.env.DOSSIER_URL ?? "", {
      method: "POST",
      headers: {
        Accept: "application/graphql-response+json",
        Authorization: `Bearer ${this.#token}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify({ ...(id === undefined ? { query: print(document) } : { documentId: id }), variables }),
    });
    const answer = (await response.json()) as {
      data?: Data;
      errors?: { message: string; extensions: { code: string } }[];
    };
    const [error] = answer.errors ?? [];
    if (answer.data === undefined || error !== undefined) {
      throw new RequestError(error?.message ?? response.statusText, error?.extensions.code ?? String(response.status));
    }
    return answer.data;
  }
}
