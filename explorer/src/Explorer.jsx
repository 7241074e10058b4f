import './workers.js';
import '@graphiql/react/style.css';
import '@graphiql/plugin-doc-explorer/style.css';
import '@graphiql/plugin-history/style.css';
import 'graphiql/graphiql.css';
import { DOC_EXPLORER_PLUGIN } from '@graphiql/plugin-doc-explorer';
import { useGraphiQL } from '@graphiql/react';
import { GraphiQL } from 'graphiql';
import { useCallback, useEffect } from 'react';
import { RefusedToken, send, server } from './api.js';
import { examples } from './examples.js';

/** GraphiQL, for as long as a token is accepted. It never sees the token, so neither its storage nor its history do. */
export default function Explorer({ token, onRefused }) {
  const fetcher = useCallback(
    async ({ query, operationName, variables }) => {
      try {
        return await send(token, { query, operationName, variables });
      } catch (error) {
        if (error instanceof RefusedToken) onRefused(error.message);
        return { errors: [{ message: error.message }] };
      }
    },
    [token, onRefused],
  );

  return (
    <main className="explorer">
      {!server.introspection && (
        <p className="notice" role="status">
          This server doesn’t tell its schema (DOSSIER_INTROSPECTION), so there is no documentation and no completion
          here. Documents run all the same; <code>dossier schema</code> prints the schema.
        </p>
      )}
      {server.trustedDocumentsOnly && (
        <p className="notice" role="status">
          This server runs registered documents alone (DOSSIER_TRUSTED_DOCUMENTS_ONLY) and refuses what is written here.
        </p>
      )}
      <GraphiQL
        fetcher={fetcher}
        schema={server.introspection ? undefined : null}
        schemaDescription
        inputValueDeprecation
        defaultTabs={examples}
        visiblePlugin={server.introspection ? DOC_EXPLORER_PLUGIN : undefined}
        referencePlugin={server.introspection ? DOC_EXPLORER_PLUGIN : null}
        defaultEditorToolsVisibility="variables"
        isHeadersEditorEnabled={false}
        shouldPersistHeaders={false}
      >
        <GraphiQL.Logo>
          <FocusOnEditor />
        </GraphiQL.Logo>
      </GraphiQL>
    </main>
  );
}

/** Puts the cursor into the document once its editor is there, so that Ctrl-Enter runs it. */
function FocusOnEditor() {
  const editor = useGraphiQL((state) => state.queryEditor);
  useEffect(() => editor?.focus(), [editor]);
  return null;
}
