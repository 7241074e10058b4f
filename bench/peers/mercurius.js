// Mercurius with its JIT, on better-sqlite3: prepared statements, and a loader for each list.

import jwt from "@fastify/jwt";
import Database from "better-sqlite3";
import Fastify from "fastify";
import mercurius from "mercurius";

const schema = `
  type Query {
    case(id: ID!): Case
    cases(first: Int = 50): CaseConnection!
  }
  type CaseConnection { nodes: [Case!]! }
  type Case {
    id: ID!
    number: Int!
    title: String!
    status: String!
    createdAt: String!
    events(first: Int = 50): EventConnection!
  }
  type EventConnection { nodes: [Event!]! }
  type Event {
    id: ID!
    type: String!
    title: String!
    occurredAt: String!
    sortOrder: Int!
    fileBatches(first: Int = 50): FileBatchConnection!
  }
  type FileBatchConnection { nodes: [FileBatch!]! }
  type FileBatch { id: ID! label: String! fileCount: Int! fileTypes: String sortOrder: Int! }
`;

const database = new Database(process.env.DATABASE_FILE, { readonly: true });
const isMember = `EXISTS (
  SELECT 1 FROM case_members AS m JOIN users AS u ON u.id = m.user_id
  WHERE m.case_id = c.id AND u.subject = ? AND (m.expires_at IS NULL OR m.expires_at > ?)
)`;
const columns = "c.id, c.number, c.title, c.status, c.created_at AS createdAt";
const oneCase = database.prepare(`SELECT ${columns} FROM cases AS c WHERE c.id = ? AND ${isMember}`);
const someCases = database.prepare(
  `SELECT ${columns} FROM cases AS c WHERE ${isMember} ORDER BY c.created_at DESC, c.id DESC LIMIT ?`,
);
const eventsOf = database.prepare(`
  SELECT id, case_id AS parent, type, title, occurred_at AS occurredAt, sort_order AS sortOrder
  FROM events WHERE case_id IN (SELECT value FROM json_each(?))
  ORDER BY case_id, occurred_at, sort_order, id
`);
const batchesOf = database.prepare(`
  SELECT id, event_id AS parent, label, file_count AS fileCount, file_types AS fileTypes, sort_order AS sortOrder
  FROM file_batches WHERE event_id IN (SELECT value FROM json_each(?))
  ORDER BY event_id, sort_order, id
`);

// What a loader reads for all of its parents at once, dealt out among them.
function children(statement) {
  return {
    loader: async (queries) => {
      const lists = new Map(queries.map(({ obj }) => [obj.id, []]));
      for (const row of statement.all(JSON.stringify([...lists.keys()]))) lists.get(row.parent).push(row);
      return queries.map(({ obj, params }) => ({ nodes: lists.get(obj.id).slice(0, params.first) }));
    },
    opts: { cache: false },
  };
}

const app = Fastify();
app.register(jwt, { secret: process.env.JWT_SECRET, verify: { algorithms: ["HS256"] } });
app.addHook("onRequest", (request) => request.jwtVerify());
app.register(mercurius, {
  schema,
  jit: 1,
  context: (request) => ({ subject: request.user.sub }),
  resolvers: {
    Query: {
      case: (_, { id }, { subject }) => oneCase.get(id, subject, new Date().toISOString()),
      cases: (_, { first }, { subject }) => ({
        nodes: someCases.all(subject, new Date().toISOString(), first),
      }),
    },
  },
  loaders: {
    Case: { events: children(eventsOf) },
    Event: { fileBatches: children(batchesOf) },
  },
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
