// An OpenID provider for tests/test_oidc.py: `node provider.js PORT`, its settings a JSON object on each line of the
// standard input: `keys`, the private keys of its key set, and `audience`. It says its address when a line has taken
// effect. Each client is named after the algorithm that its access tokens are signed with.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'];

function provider(issuer, { keys, audience }) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: ALGORITHMS.map((algorithm) => ({
      client_id: algorithm,
      client_secret: 'only used by tests',
      grant_types: ['authorization_code', 'client_credentials'],
      redirect_uris: ['https://client.example/back'],
    })),
    cookies: { keys: ['only used by tests'] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource, client) => ({
          scope: 'cases',
          audience,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: client.clientId } },
        }),
      },
    },
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    ttl: { AccessToken: 600, ClientCredentials: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
}

let answer;
const server = createServer((request, response) => answer(request, response));
server.listen(Number(process.argv[2]), '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      answer = provider(issuer, JSON.parse(line)).callback();
      console.log(issuer);
    })
    .on('close', () => process.exit());
});
