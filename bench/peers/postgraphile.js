// PostGraphile on its own schema of the tables, as its documentation sets a server up for production.

import { createServer } from "node:http";
import jwt from "jsonwebtoken";
import { postgraphile } from "postgraphile";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";

// Where the database is, is in the environment: PGHOST, PGUSER and PGDATABASE.
const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ schemas: ["public"] })],
  // It offers a list only where an index begins with the columns of the foreign key. The index that serves the
  // file batches of an event begins with the event alone, which is enough.
  disablePlugins: ["PgIndexBehaviorsPlugin"],
  grafserv: { graphiql: false, watch: false, websockets: false },
  grafast: {
    // The token is verified and no more: the role in the database stays as it is, which is the cheapest.
    context: ({ node }) => {
      const [, token] = (node.req.headers.authorization ?? "").split(" ");
      return { subject: jwt.verify(token, process.env.JWT_SECRET, { algorithms: ["HS256"] }).sub };
    },
  },
};

const server = createServer();
await postgraphile(preset).createServ(grafserv).addTo(server);
server.listen(Number(process.argv[2]), "127.0.0.1");
