/** A case is taken out as a file: in a real browser. See the README for how to run it. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { beforeEach } from 'node:test';
import { assertAccessible, expected, inBrowser, item, page, shot, signIn, status } from './browser.mjs';
import { APP, createCase, fill, run, token } from './server.mjs';

const mark = Date.now().toString(36); // tells the rows of this run from those of others
const alice = token('Alice');
const TITLE = `Taken out ${mark}`;

let caseId, number;

beforeEach(async () => {
  caseId = await createCase(alice, { title: TITLE });
  await fill(alice, caseId);
  ({ number } = (await run(alice, 'query ($id: ID!) { case(id: $id) { number } }', { id: caseId })).case);
});

const button = (name) => page.getByRole('button', { name, exact: true });
const dialog = () => page.getByRole('dialog', { name: `Export case ${number}` });
const choose = (name) => dialog().getByRole('radio', { name, exact: true }).check();
const ofShown = () => dialog().getByRole('checkbox', { name: 'Only the events that are shown' });
const withChanges = () => dialog().getByRole('checkbox', { name: 'With all changes' });
const told = () => dialog().getByRole('alert');
const isFocused = (element) => element.evaluate((each) => each === document.activeElement);

async function openExport() {
  await signIn(page, alice);
  await page.goto(`${APP}#/cases/${caseId}`);
  await item('Interim report').waitFor();
  await button('Export').click();
  await dialog().waitFor();
}

/** Downloads what is chosen; returns the file's name, its text, and what the server was asked for. */
async function download() {
  const asking = page.waitForRequest('**/export?**');
  const saving = page.waitForEvent('download');
  await button('Download').click();
  const [request, saved] = await Promise.all([asking, saving]);
  await dialog().waitFor({ state: 'detached' });
  assert.equal(request.headers().authorization, `Bearer ${alice}`);
  assert.ok(!request.url().includes(alice));
  return {
    name: saved.suggestedFilename(),
    text: await readFile(await saved.path(), 'utf8'),
    asked: Object.fromEntries(new URL(request.url()).searchParams),
  };
}

/** Answers the next export in the server's place with some bytes, after which nothing comes, or it breaks off. */
const answerInPart = (breaksOff) =>
  page.evaluate((fails) => {
    const send = window.fetch;
    window.fetch = (address, init) => {
      if (!String(address).includes('/export?')) return send(address, init);
      window.fetch = send;
      const body = new ReadableStream({
        start(controller) {
          controller.enqueue(new Uint8Array(1536));
          init.signal.addEventListener('abort', () => controller.error(init.signal.reason));
          if (fails) setTimeout(() => controller.error(new TypeError('network error')), 100);
        },
      });
      return Promise.resolve(new Response(body));
    };
  }, breaksOff);

inBrowser(
  'a case is saved as CSV, by the keyboard alone',
  async () => {
    await openExport();
    await shot('export');
    await assertAccessible();
    assert.ok(await isFocused(dialog().getByRole('radio', { name: 'Workbook' })));
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'detached' });
    assert.ok(await isFocused(button('Export')));

    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    assert.ok(await dialog().getByRole('radio', { name: 'CSV', exact: true }).isChecked());
    assert.ok(await ofShown().isDisabled());
    assert.ok(await withChanges().isDisabled());
    await page.keyboard.press('Tab');
    assert.ok(await isFocused(button('Download')));
    const { name, text, asked } = await download();
    assert.equal(name, `case-${number}.csv`);
    assert.deepEqual(asked, { format: 'csv' });
    const lines = text.trimEnd().split('\r\n');
    assert.match(lines[0], /^kind,/);
    assert.equal(lines.filter((line) => line.startsWith('EVENT,')).length, 9);
    assert.equal(lines.filter((line) => line.startsWith('FILE_BATCH,')).length, 14);
    assert.ok(text.includes('"7,214 files copied to a USB stick"'));
    assert.match(await status().innerText(), new RegExp(`^Downloaded case-${number}\\.csv, [\\d.]+ KiB\\.$`));
    assert.ok(await isFocused(button('Export')));
    await shot('exported');
  },
  { viewport: { width: 1280, height: 800 } },
);

inBrowser('only the events that are shown are saved, when that is wanted', async () => {
  await openExport();
  await button('Cancel').click();
  await page.getByLabel('Find events').fill('USB');
  await page.getByLabel('Type').selectOption('finding');
  await page.getByText('1 event found').waitFor();

  await button('Export').click();
  await choose('JSON lines');
  const titles = ({ text }) =>
    text.trimEnd().split('\n').map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'EVENT').map(({ title }) => title); // prettier-ignore
  const all = await download();
  assert.equal(titles(all).length, 9);
  assert.deepEqual(all.asked, { format: 'jsonl' });

  await button('Export').click();
  await choose('JSON lines');
  await ofShown().check();
  const found = await download();
  assert.deepEqual(titles(found), ['7,214 files copied to a USB stick']);
  assert.deepEqual(JSON.parse(found.asked.where), { text: 'USB', type: ['FINDING'] });
});

inBrowser('a report is saved, with all changes when that is wanted', async () => {
  await openExport();
  await choose('Report as Markdown');
  const short = await download();
  assert.equal(short.name, `case-${number}.report.md`);
  await button('Export').click();
  await choose('Report as Markdown');
  await withChanges().check();
  const long = await download();
  assert.deepEqual(long.asked, { format: 'markdown', history: 'true' });
  assert.ok(long.text.length > short.text.length);
  await button('Export').click();
  await choose('Report to print (HTML)');
  const printed = await download();
  assert.equal(printed.name, `case-${number}.report.html`);
  assert.ok(printed.text.includes(TITLE));
});

inBrowser('what is wrong is said in words, and nothing is saved', async () => {
  expected.push(/503/, /404/, /401/, /ERR_INTERNET_DISCONNECTED/);
  await openExport();
  const refuse = (status, message, headers = {}) =>
    page.route('**/export?**', (route) =>
      route.fulfill({ status, headers, json: { errors: [{ message, extensions: { code: 'ANY' } }] } }),
    );
  await refuse(503, 'this server is at work on as many exports as it takes on; try again', { 'Retry-After': '5' });
  await button('Download').click();
  await told()
    .getByText('(503): this server is at work on as many exports as it takes on. Try again in 5 seconds.')
    .waitFor();
  assert.ok(await isFocused(button('Download')));
  await shot('export-refused');
  await assertAccessible();

  await page.unroute('**/export?**');
  await refuse(404, 'there is no such case here');
  await button('Download').click();
  await told().getByText('There is no such case, at least not for you.').waitFor();

  await page.unroute('**/export?**');
  await page.context().setOffline(true);
  await button('Download').click();
  await told().getByText('The server can’t be reached. Check the network, then try again.').waitFor();
  await page.context().setOffline(false);

  await answerInPart(true);
  await button('Download').click();
  await told().getByText('The download broke off after 1.5 KiB. Nothing was saved; download it again.').waitFor();

  // A token that has ended: not now, and then with the next.
  await refuse(401, 'the token has expired');
  const again = page.getByRole('dialog', { name: 'Sign in again' });
  await button('Download').click();
  await again.getByRole('button', { name: 'Not now' }).click();
  await told().getByText('Please sign in again: the token has expired.').waitFor();
  await button('Download').click();
  await again.getByLabel('Token').fill(alice);
  await page.unroute('**/export?**');
  const saving = page.waitForEvent('download');
  await again.getByRole('button', { name: 'Sign in', exact: true }).click();
  assert.equal((await saving).suggestedFilename(), `case-${number}.xlsx`);
});

inBrowser('a download is cancelled', async () => {
  await openExport();
  for (const cancel of [() => button('Cancel').click(), () => page.keyboard.press('Escape')]) {
    await answerInPart(false);
    await button('Download').click();
    const progress = dialog().getByText('Received 1.5 KiB so far…');
    await progress.waitFor();
    assert.ok(await isFocused(progress));
    assert.ok(await dialog().getByRole('radio', { name: 'CSV', exact: true }).isDisabled());
    await shot('export-coming');
    await assertAccessible();
    await cancel();
    await told().getByText('Cancelled: nothing was saved.').waitFor();
    assert.ok(await isFocused(button('Download')));
  }
  await choose('CSV');
  assert.equal((await download()).name, `case-${number}.csv`);
});

inBrowser('Back closes the dialog with the page that it is of', async () => {
  await openExport();
  await page.goBack();
  await page.getByRole('heading', { name: 'Cases' }).waitFor();
  await page.getByRole('searchbox', { name: 'Search' }).fill(TITLE);
});

for (const [name, options] of Object.entries({
  narrow: { viewport: { width: 360, height: 740 } },
  'narrow-dark': { viewport: { width: 360, height: 740 }, colorScheme: 'dark' },
})) {
  inBrowser(
    `the dialog sticks out nowhere: ${name}`,
    async () => {
      expected.push(/503/);
      await openExport();
      const look = async (what) => {
        await shot(`${what}-${name}`);
        await assertAccessible();
        assert.ok((await dialog().evaluate((each) => each.scrollWidth - each.clientWidth)) <= 0, what);
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0, what);
      };
      await look('export');
      await page.route('**/export?**', (route) => route.fulfill({ status: 503, body: 'away' }));
      await button('Download').click();
      await told().getByText('The server can’t answer at present (503).').waitFor();
      await look('export-failed');
    },
    options,
  );
}
