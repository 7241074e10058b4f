/** The files of a batch, in a real browser. See the README for how to run it. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before } from 'node:test';
import { assertAccessible, expected, inBrowser, page, shot, signIn, status } from './browser.mjs';
import { createCase, fill, run, token } from './server.mjs';

const ADD = 'mutation ($input: AddFilesInput!) { addFiles(input: $input) { errors { message path } } }';
const FINISH = 'mutation ($input: FinishManifestInput!) { finishManifest(input: $input) { errors { message path } } }';
const BATCHES = 'query ($c: ID!, $e: ID!) { event(caseId: $c, id: $e) { fileBatches { nodes { id label } } } }';

const mark = Date.now().toString(36); // tells the rows of this run from those of others
const alice = token('Alice');
const TITLE = `Copied drawings ${mark}`;
const hashOf = (text, kind = 'sha256') => createHash(kind).update(text).digest('hex');

const HIDDEN = '/shares/projects/invoice_\u202efdp.exe';
const LONG = `/shares/projects/${'a folder within another/'.repeat(8)}${'x'.repeat(120)}.dwg`;
const numbers = Array.from({ length: 147 }, (_, index) => String(index + 1).padStart(3, '0'));
const PLAIN = numbers.map((number) => `/shares/projects/drawings/${number}.dwg`);
const FILES = [...PLAIN, HIDDEN, LONG].map((path, index) => ({
  path,
  size: index * 1536,
  modifiedAt: index === 0 ? null : `2026-01-20T21:${String(index % 60).padStart(2, '0')}:07.25Z`,
  sha256: hashOf(path),
  md5: hashOf(path, 'md5'),
}));
// A byte that is no UTF-8, and the name of another file that looks the same.
FILES.push({
  path: '/shares/projects/\\xff.txt',
  pathBytes: Buffer.from('/shares/projects/\xff.txt', 'latin1').toString('base64'),
  size: 4_398_046_511_104,
  sha256: hashOf('no UTF-8'),
});
// As `sha256sum` writes it: what it would have to escape is not among these paths.
const bytesOf = ({ path, pathBytes }) => Buffer.from(pathBytes ?? Buffer.from(path).toString('base64'), 'base64');
const DIGEST = createHash('sha256')
  .update(
    Buffer.concat(
      FILES.toSorted((one, other) => Buffer.compare(bytesOf(one), bytesOf(other))).flatMap((file) => [
        Buffer.from(`${file.sha256}  `),
        bytesOf(file),
        Buffer.from('\n'),
      ]),
    ),
  )
  .digest('hex');

let caseId;
const ids = {};

before(async () => {
  caseId = await createCase(alice, { title: TITLE });
  const event = 'Files copied to a USB stick';
  const batches = [['Drawings', 7, '.dwg'], ['Photographs', 0, '.jpg'], ['Link files', 12, '.lnk']];
  const events = [{ title: event, occurredAt: '2026-01-20T21:47:33Z', batches }];
  const { [event]: eventId } = await fill(alice, caseId, events);
  const { fileBatches } = (await run(alice, BATCHES, { c: caseId, e: eventId })).event;
  for (const { id, label } of fileBatches.nodes) ids[label] = id;
  const add = (label, files) => run(alice, ADD, { input: { caseId, eventId, fileBatchId: ids[label], files } });
  await add('Drawings', FILES);
  await run(alice, FINISH, { input: { caseId, eventId, fileBatchId: ids.Drawings, fileCount: FILES.length } });
  await add('Photographs', FILES.slice(0, 2));
});

const row = (name) => page.getByRole('row').filter({ hasText: name });
const count = (text) => page.getByRole('region', { name: 'Files' }).getByText(text, { exact: true });
const button = (name) => page.getByRole('button', { name, exact: true });
const search = (text) => page.getByRole('searchbox').fill(text);
const paths = () => page.locator('.path').allTextContents();

async function openCase() {
  await signIn(page, alice);
  await page.goto(`${page.url().split('#')[0]}#/cases/${caseId}`);
  await page.getByRole('heading', { name: TITLE }).waitFor();
}

async function openBatch(label = 'Drawings') {
  await openCase();
  await page.getByRole('link', { name: label }).click();
  await page.getByRole('heading', { name: label, exact: true }).waitFor();
}

inBrowser('a batch opens into its files, a page at a time', async () => {
  await openCase();
  const batch = (label) => page.getByRole('listitem').filter({ hasText: label }).last();
  await batch('Drawings').getByText('4.0 TiB').waitFor();
  await batch('Photographs').getByText('list not finished').waitFor();
  assert.equal((await batch('Link files').innerText()).replace(/\s+/g, ' ').trim(), '12 Link files .lnk Edit Delete');
  await assertAccessible();
  await shot('files-case');
  await page.getByRole('link', { name: 'Drawings' }).press('Enter');

  await count('files 1 to 50 of 150 files').waitFor();
  assert.match(page.url(), new RegExp(`#/cases/${caseId}/batches/${ids.Drawings}$`));
  assert.equal(await page.title(), 'Files: Drawings · Dossier');
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Drawings');
  assert.equal((await paths()).length, 50);
  await assertAccessible();
  assert.equal(await button('Previous files').count(), 0);
  await button('More files').click();
  await count('files 51 to 100 of 150 files').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Files');
  await button('More files').click();
  await count('files 101 to 150 of 150 files').waitFor();
  assert.equal(await button('More files').count(), 0);
  await button('Previous files').click();
  await count('files 51 to 100 of 150 files').waitFor();

  await page.goBack();
  await page.getByRole('heading', { name: TITLE }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), ids.Drawings);
  assert.match(await page.title(), new RegExp(TITLE));
  await page.goForward();
  await count('files 1 to 50 of 150 files').waitFor();
});

inBrowser('the manifest tells its digest, who finished it, and how to verify', async () => {
  await openBatch();
  await page.getByText(DIGEST, { exact: true }).waitFor();
  await page.getByText(`dossier verify-files FOLDER --batch ${ids.Drawings}`, { exact: true }).waitFor();
  const facts = page.locator('.facts').filter({ hasText: 'list finished' });
  assert.match(await facts.innerText(), /^150 files\s+4\.0 TiB\s+list finished \d{4}-\d\d-\d\d \d\d:\d\d by Alice$/);
  const total = FILES.reduce((sum, { size }) => sum + size, 0);
  assert.equal(await facts.locator('data').getAttribute('title'), `${total.toLocaleString('en')} bytes`);

  await page.context().grantPermissions(['clipboard-read']);
  const copied = () => page.evaluate(() => navigator.clipboard.readText());
  await button('Copy the command').click();
  await status().getByText('Copied the command.').waitFor();
  assert.equal(await copied(), `dossier verify-files FOLDER --batch ${ids.Drawings}`);
  // Without TLS, there is no such thing as `navigator.clipboard.writeText`.
  await page.evaluate(() => { navigator.clipboard.writeText = undefined; });
  const hash = row('/002.dwg').getByRole('button');
  assert.equal(await hash.getAttribute('title'), FILES[1].sha256);
  assert.equal(await hash.innerText(), `${FILES[1].sha256.slice(0, 12)}…`);
  await hash.click();
  await status().getByText('Copied the SHA-256.').waitFor();
  assert.equal(await copied(), FILES[1].sha256);
});

inBrowser('files are found by their paths and by hashes', async () => {
  await openBatch();
  await search('DRAWINGS/1');
  await count('48 files with this in the path').waitFor();
  await search(FILES[6].sha256.toUpperCase());
  await count('1 file with this hash').waitFor();
  assert.deepEqual(await paths(), [PLAIN[6]]);
  await search(` ${FILES[7].md5} `);
  await row('/008.dwg').waitFor();
  assert.deepEqual(await paths(), [PLAIN[7]]);
  await search(FILES[7].md5.slice(1)); // as long as no hash
  await page.getByText('No file matches the search.').waitFor();
  await count('0 files with this in the path').waitFor();
  await assertAccessible();
  await search('');
  await count('files 1 to 50 of 150 files').waitFor();
});

inBrowser('what a row says is neither cut, turned around nor made up', async () => {
  await openBatch();
  const cells = async (name) => row(name).getByRole('cell').allInnerTexts();
  assert.deepEqual((await cells('/001.dwg')).slice(1, 3), ['0 bytes', 'not known']);
  assert.deepEqual((await cells('/003.dwg')).slice(1, 3), ['3.0 KiB', '2026-01-20 21:02:07.25']);
  await page.getByLabel('Times').selectOption('local');
  await row('/003.dwg').getByText('2026-01-20 16:02:07.25 −05:00').waitFor();

  await search('invoice');
  await count('1 file with this in the path').waitFor();
  assert.deepEqual(await paths(), ['/shares/projects/invoice_U+202Efdp.exe']);
  const copy = /^[\da-f]{12}… Copy the SHA-256 of \/shares\/projects\/invoice_U\+202Efdp\.exe$/;
  assert.equal(await page.getByRole('button', { name: copy }).count(), 1);
  await shot('files-unseen');
  await search('\\xff');
  await row('xff').waitFor();
  assert.deepEqual((await cells('xff')).slice(0, 2), [
    '/shares/projects/\\xff.txt not UTF-8: some bytes are shown as \\xNN',
    '4.0 TiB',
  ]);
  await page.setViewportSize({ width: 360, height: 800 });
  await search('');
  await count('files 1 to 50 of 150 files').waitFor();
  assert.deepEqual(await paths(), [LONG, ...PLAIN.slice(0, 49)]);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360);
  await assertAccessible();
  const { height } = await row('/002.dwg').boundingBox();
  assert.ok(height < 80, `${height}`);
});

inBrowser('a list that is not finished says so', async () => {
  await openBatch('Photographs');
  await page.getByText('The list of these files is not finished', { exact: false }).waitFor();
  await count('2 files').waitFor();
  assert.equal(await page.getByText('verify-files').count(), 0);
  await assertAccessible();
  await page.goto(page.url().replace(/[^/]+$/, caseId));
  await page.getByRole('alert').getByText('There is no such file batch in this case').waitFor();
});

inBrowser('a draft stays while files are looked at, and nothing is shown of a page that did not arrive', async () => {
  await openCase();
  await page.getByRole('button', { name: 'Edit Files copied to a USB stick' }).click();
  await page.getByLabel('Description').fill('On the stick that was found');
  await page.getByRole('link', { name: 'Drawings' }).click();
  await count('files 1 to 50 of 150 files').waitFor();
  expected.push(/ERR_FAILED|Failed to fetch/);
  await page.route('**/graphql', (route) => route.abort());
  await button('More files').click();
  await page.getByRole('alert').getByText('The server can’t be reached.', { exact: false }).waitFor();
  await count('files 1 to 50 of 150 files').waitFor();
  assert.equal((await paths()).length, 50);
  await page.unroute('**/graphql');
  await button('Try again').click();
  await count('files 51 to 100 of 150 files').waitFor();
  await page.goBack();
  assert.equal(await page.getByLabel('Description').inputValue(), 'On the stick that was found');
  await button('Cancel').click();
});

for (const colorScheme of ['light', 'dark']) {
  inBrowser(
    `the page of a batch in ${colorScheme} colours`,
    async () => {
      await openBatch();
      await count('files 1 to 50 of 150 files').waitFor();
      for (const width of [1280, 768, 360]) {
        await page.setViewportSize({ width, height: 900 });
        await assertAccessible();
        await shot(`files-${width}-${colorScheme}`);
      }
    },
    { colorScheme },
  );
}
