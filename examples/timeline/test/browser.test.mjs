/** What the app does, in a real browser. See the README for how to run it. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { assertAccessible, complaints, expected, inBrowser, item, open, page, shot, signIn, status } from './browser.mjs';
import { APP, createCase, fill, run, token } from './server.mjs';

const UPDATE_EVENT = 'mutation ($input: UpdateEventInput!) { updateEvent(input: $input) { errors { message path } } }';
const UPDATE_BATCH =
  'mutation ($input: UpdateFileBatchInput!) { updateFileBatch(input: $input) { errors { message path } } }';

const mark = Date.now().toString(36); // tells the rows of this run from those of others
const alice = token('Alice');
const bob = token('Bob', { role: 'admin' }); // who may change Alice's cases
const TITLE = `Payments to a false account ${mark}`;
let caseId, events;

before(async () => {
  for (let number = 1; number <= 27; number++) await createCase(alice, { title: `Small matter ${number} ${mark}` });
  const input = { title: TITLE, reference: `AUD-2026-${mark}`, status: 'ACTIVE' };
  caseId = await createCase(alice, {
    ...input,
    description: 'Whether invoices were paid to an account that is not the supplier’s.',
  });
  events = await fill(alice, caseId);
});

async function goToCase(opened) {
  await opened.getByRole('searchbox', { name: 'Search' }).fill(TITLE.toUpperCase());
  await opened.getByRole('link', { name: TITLE }).click();
  await opened.getByRole('heading', { name: TITLE }).waitFor();
}

test('the app comes with a strict policy', async () => {
  const response = await fetch(APP, { headers: { Accept: 'text/html' } });
  const policy = response.headers.get('content-security-policy') ?? '';
  for (const directive of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"]) {
    assert.ok(policy.includes(directive), `${directive} in: ${policy}`);
  }
  assert.ok(!policy.includes('unsafe'), policy);
});

inBrowser('a bad token signs nobody in', async () => {
  expected.push(/401/);
  await shot('sign-in');
  await assertAccessible();
  await page.getByLabel('Token').fill('no.such.token');
  await page.getByRole('button', { name: 'Sign in', exact: true }).click();
  await page.getByText(/^Please sign in again: .+\.$/).waitFor();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
});

test('the demo user signs in with a click, where there is one', async () => {
  const answer = await fetch(new URL('/demo-token', APP), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: '{}',
  });
  const opened = await open();
  const button = opened.getByRole('button', { name: 'Sign in as demo user' });
  if (answer.status === 404) {
    // Dossier says so in the page; where another server serves it, the button goes once it was tried.
    if (await button.isVisible()) await button.click();
    await button.waitFor({ state: 'detached' });
    await opened.context().close();
    return;
  }
  await button.click();
  await opened.getByRole('heading', { name: 'Cases' }).waitFor();
  assert.deepEqual(complaints, []);
  await opened.context().close();
});

inBrowser('lists, searches, filters and pages cases', async () => {
  await signIn(page, alice);
  const search = page.getByRole('searchbox', { name: 'Search' });
  await search.fill(mark);
  await page.getByText('28 cases found').waitFor();
  const rows = page.getByRole('row').filter({ has: page.getByRole('link') });
  assert.equal(await rows.count(), 25);
  await shot('cases');
  await page.getByRole('button', { name: 'More cases' }).click();
  await page.getByRole('link', { name: `Small matter 1 ${mark}` }).waitFor();
  assert.equal(await rows.count(), 28);
  assert.equal(await page.getByRole('button', { name: 'More cases' }).count(), 0);

  await page.getByLabel('Status').selectOption('active');
  await page.getByText('1 case found').waitFor();
  assert.equal(await rows.count(), 1);
  await search.fill(`${mark} no such case`);
  await page.getByText('No case matches the search.').waitFor();
});

inBrowser('creates a case, and shows the refusal of a bad one beside its field', async () => {
  await signIn(page, alice);
  await page.getByRole('button', { name: 'New case' }).click();
  const title = page.getByLabel('Title');
  assert.ok(await title.evaluate((field) => field === document.activeElement));
  await title.fill('   ');
  await page.getByLabel('Reference').fill('R'.repeat(201));
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('“Title” must not be blank').waitFor();
  assert.equal(await title.getAttribute('aria-invalid'), 'true');
  const about = await title.getAttribute('aria-describedby');
  assert.equal(await page.locator(`[id="${about}"]`).innerText(), '“Title” must not be blank');
  await page.getByText('must have at most 200 characters, not 201').waitFor();
  await shot('refusal');
  await assertAccessible();

  await title.fill(`Empty ${mark}`);
  await page.getByLabel('Reference').fill('');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByRole('heading', { name: `Empty ${mark}` }).waitFor();
  await page.getByText('Nothing is on the timeline yet.').waitFor();
  assert.equal(await status().innerText(), 'Case created.');
});

inBrowser('draws the timeline, and zooms', async () => {
  await signIn(page, alice);
  await goToCase(page);
  await page.getByText('9 events').waitFor();
  await shot('timeline', { fullPage: true });

  const boxes = await page.locator('.box').all();
  const places = await Promise.all(
    boxes.map((box) => box.evaluate((each) => [each.offsetLeft, each.offsetTop, each.offsetWidth, each.offsetHeight])),
  );
  assert.equal(places.length, 9);
  for (const [index, [left, top, width, height]] of places.entries()) {
    for (const [otherLeft, otherTop, otherWidth, otherHeight] of places.slice(index + 1)) {
      const apart =
        left + width <= otherLeft ||
        otherLeft + otherWidth <= left ||
        top + height <= otherTop ||
        otherTop + otherHeight <= top;
      assert.ok(apart, 'no box covers another');
    }
  }
  // The drawing goes from 2025-11-01 to the end of 2026-02-27, which are dates in UTC.
  const [start, end] = [new Date('2025-11-01T00:00Z'), new Date('2026-02-28T00:00Z')];
  const share = (new Date('2026-01-12T08:40Z') - start) / (end - start);
  const drawn = await page
    .locator('.axis rect')
    .nth(1)
    .evaluate((bar) => (bar.x.baseVal.value - 8) / (bar.ownerSVGElement.clientWidth - 16));
  assert.ok(Math.abs(drawn - share) < 0.001, `${drawn} is ${share}`);

  // More files, a larger stack; none, none.
  const sheets = (label) => page.locator('.batch').filter({ hasText: label }).locator('.stack rect:not(.none)').count();
  assert.deepEqual(
    [
      await sheets('Link files'),
      await sheets('Scripts'),
      await sheets('Photographs'),
      await sheets('Project drawings'),
    ],
    [0, 2, 8, 13],
  );

  await page.locator('.box', { hasText: 'Remote session' }).click();
  assert.ok(await item('Remote session ended').evaluate((each) => each === document.activeElement));
  for (let step = 0; step < 6; step++) await page.getByRole('button', { name: 'Zoom in' }).click();
  await page.getByText(/of 9 in view/).waitFor();
  await shot('zoomed');
  await page.getByRole('button', { name: 'Fit' }).click();
  assert.equal(await page.locator('.box').count(), 9);
});

inBrowser('finds events by their texts and their type', async () => {
  await signIn(page, alice);
  await goToCase(page);
  await page.getByText('9 events').waitFor();
  const titles = () => page.locator('.event h3').allInnerTexts();
  await page.getByLabel('Find events').fill(' SHARED account');
  await page.getByText('1 event found').waitFor();
  assert.deepEqual(await titles(), ['finding Bank details changed in the vendor record']);
  await page.getByLabel('Type').selectOption('action');
  await page.getByText('No event matches the search.').waitFor();
  await assertAccessible();
  await page.getByLabel('Find events').fill('');
  await page.getByText('3 events found').waitFor();
  assert.equal((await titles()).length, 3);
  assert.equal(await page.locator('.box').count(), 3);
  await shot('found');

  // A form stays while it is open, whatever is looked for.
  await page.getByRole('button', { name: 'Edit Laptop' }).click();
  await page.getByLabel('Find events').fill('USB');
  await page.getByText('This event is not among those shown here any more.').waitFor();
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByLabel('Type').selectOption('any');
  await page.getByText('1 event found').waitFor();
  assert.deepEqual(await titles(), ['finding 7,214 files copied to a USB stick']);
});

inBrowser('adds and edits an event', async () => {
  await signIn(page, alice);
  await goToCase(page);
  await page.getByText('times in UTC').waitFor();
  await page.getByRole('button', { name: 'Add event' }).click();
  await page.getByLabel('Title').fill('Account frozen');
  await page.getByRole('form').getByLabel('Type').selectOption('action');
  await page.getByLabel('From', { exact: true }).fill('2026-03-02T09:30:00');
  await page.getByLabel('Until').fill('2026-03-02T08:30:00');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('must not lie before “From”').waitFor();
  assert.ok(await page.getByLabel('Until').evaluate((field) => field === document.activeElement));
  await page.getByLabel('Until').fill('');
  await page.getByText('= 2026-03-02T09:30:00.000000Z').waitFor();
  await page.getByRole('button', { name: 'Save' }).click();
  await item('Account frozen').waitFor();
  assert.equal(await status().innerText(), 'Event added.');
  assert.equal(await item('Account frozen').getByRole('time').first().innerText(), '2026-03-02 09:30');
  assert.ok(
    await page.getByRole('button', { name: 'Add event' }).evaluate((button) => button === document.activeElement),
  );

  await page.getByRole('button', { name: 'Edit Account frozen' }).click();
  await page.getByLabel('Known to the').selectOption('day');
  await page.getByLabel('From', { exact: true }).fill('2026-03-03');
  await page.getByLabel('Description').fill('By order of the board.');
  await page.getByRole('button', { name: 'Save' }).click();
  await item('Account frozen').getByText('By order of the board.').waitFor();
  const { events: list } = (
    await run(
      alice,
      `query ($id: ID!) { case(id: $id) { events(last: 1) { nodes { occurredAt timePrecision version } } } }`,
      { id: caseId },
    )
  ).case;
  assert.deepEqual(list.nodes, [{ occurredAt: '2026-03-03T00:00:00.000000Z', timePrecision: 'DAY', version: 2 }]);

  // A change of the title leaves the rest alone.
  await page.getByRole('button', { name: 'Edit Bank details' }).click();
  await page.getByLabel('Title').fill('Bank details changed in the vendor’s record');
  await page.getByRole('button', { name: 'Save' }).click();
  await item('vendor’s record').getByText('2026-01-14 16:02:11.25').waitFor();

  await page.getByRole('button', { name: 'Delete event “Account frozen”' }).click();
  await page.getByRole('group', { name: 'Confirm' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Deleted event “Account frozen”.').waitFor();
  await item('Account frozen').waitFor({ state: 'detached' });
});

inBrowser('adds and edits a batch', async () => {
  await signIn(page, alice);
  await goToCase(page);
  await page.getByRole('button', { name: 'Add batch to Remote session ended' }).click();
  await page.getByLabel('Label').fill('Session logs');
  await page.getByLabel('Number of files').fill('-1');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('must be at least 0, not -1').waitFor();
  await page.getByLabel('Number of files').fill('16');
  await page.getByLabel('File types').fill('.evtx');
  await page.getByRole('button', { name: 'Save' }).click();
  const batch = item('Remote session ended').locator('.batch');
  await batch.getByText('Session logs').waitFor();
  assert.equal(await batch.locator('.stack rect').count(), 5);

  await page.getByRole('button', { name: 'Edit Session logs' }).click();
  await page.getByLabel('Number of files').fill('1024');
  await page.getByRole('button', { name: 'Save' }).click();
  await batch.getByText('1,024').waitFor();
  assert.equal(await batch.locator('.stack rect').count(), 11);
  assert.equal(await status().innerText(), 'Batch saved.');
});

inBrowser('shows a conflict: theirs against mine, and either may win', async () => {
  await signIn(page, alice);
  await goToCase(page);
  const id = events['Interim report'];
  const edit = page.getByRole('button', { name: 'Edit Interim report' });
  const save = page.getByRole('button', { name: 'Save' });
  const stored = async () =>
    (
      await run(alice, 'query ($c: ID!, $e: ID!) { event(caseId: $c, id: $e) { title description type version } }', {
        c: caseId,
        e: id,
      })
    ).event;

  await edit.click();
  await page.getByLabel('Description').fill('Mine');
  await run(bob, UPDATE_EVENT, { input: { caseId, id, description: 'Theirs', type: 'FINDING' } });
  await save.click();
  const conflict = page.getByRole('alert', { name: 'Conflict' });
  await conflict.getByText('Bob saved version 2').waitFor();
  const cells = await conflict.getByRole('row').allInnerTexts();
  assert.deepEqual(
    cells.map((row) => row.split(/\s*\t\s*/)),
    [
      ['Field', 'Theirs', 'Yours'],
      ['Type', 'finding', 'not changed by you; theirs stays'],
      ['Description', 'Theirs', 'Mine'],
    ],
  );
  await conflict.scrollIntoViewIfNeeded();
  await shot('conflict');
  await assertAccessible();
  await conflict.getByRole('button', { name: 'Take theirs' }).click();
  await item('Interim report').getByText('Theirs').waitFor();
  assert.deepEqual(await stored(), { title: 'Interim report', description: 'Theirs', type: 'FINDING', version: 2 });

  await edit.click();
  await page.getByLabel('Description').fill('Mine');
  await run(bob, UPDATE_EVENT, { input: { caseId, id, description: 'Theirs again', type: 'NOTE' } });
  await save.click();
  await page.getByRole('button', { name: 'Write mine over it' }).click();
  await item('Interim report').getByText('Mine').waitFor();
  assert.deepEqual(await stored(), { title: 'Interim report', description: 'Mine', type: 'NOTE', version: 4 });

  // A batch likewise; and what was deleted meanwhile is said to be gone.
  const query = 'query ($c: ID!, $e: ID!) { event(caseId: $c, id: $e) { fileBatches { nodes { id } } } }';
  const [batch] = (await run(alice, query, { c: caseId, e: id })).event.fileBatches.nodes;
  await page.getByRole('button', { name: 'Edit Report and exhibits' }).click();
  await page.getByLabel('Number of files').fill('32');
  await run(bob, UPDATE_BATCH, { input: { caseId, eventId: id, id: batch.id, fileCount: 40 } });
  await save.click();
  await conflict.getByRole('row', { name: 'Number of files 40 32' }).waitFor();
  await conflict.getByRole('button', { name: 'Write mine over it' }).click();
  await item('Interim report').getByText('32', { exact: true }).waitFor();
});

for (const [role, controls] of Object.entries({
  VIEWER: ['Export'],
  CONTRIBUTOR: ['Add batch', 'Add event', 'Edit', 'Edit case', 'Export'],
  EDITOR: ['Add batch', 'Add event', 'Delete', 'Edit', 'Edit case', 'Export'],
  OWNER: ['Add batch', 'Add event', 'Delete', 'Delete case', 'Edit', 'Edit case', 'Export', 'Place hold', 'Seal case'],
})) {
  inBrowser(`the controls are those of a role: ${role}`, async () => {
    await page.route('**/graphql', async (route) => {
      const response = await route.fetch();
      await route.fulfill({
        response,
        body: (await response.text()).replaceAll('"viewerRole":"OWNER"', `"viewerRole":"${role}"`),
      });
    });
    await signIn(page, alice);
    await goToCase(page);
    const buttons = await page.locator('main button:not(.chart button)').all();
    const names = await Promise.all(
      buttons.map(async (button) => {
        const label = (await button.getAttribute('aria-label')) ?? '';
        return label.startsWith('Delete case') ? 'Delete case' : button.innerText();
      }),
    );
    assert.deepEqual([...new Set(names)].sort(), controls);
  });
}

inBrowser('says what is wrong when the server fails, and lets the user try again', async () => {
  expected.push(/503/, /ERR_INTERNET_DISCONNECTED/, /401/);
  await signIn(page, alice);
  await page.route('**/graphql', (route) => route.fulfill({ status: 503, body: 'away' }));
  await page.getByRole('searchbox', { name: 'Search' }).fill(mark);
  await page.getByText('The server can’t answer at present (503).').waitFor();
  await page.unroute('**/graphql');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.getByText('cases found').waitFor();

  await page.getByRole('link', { name: `Small matter 27 ${mark}` }).click();
  await page.getByRole('button', { name: 'Add event' }).click();
  await page.getByLabel('Title').fill(`Kept while offline ${mark}`);
  await page.getByLabel('From', { exact: true }).fill('2026-03-02T09:30:00');
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The server can’t be reached.').first().waitFor();
  await page.context().setOffline(false);
  await page.getByRole('button', { name: 'Save' }).click();
  await item(`Kept while offline ${mark}`).waitFor();

  const body = JSON.stringify({
    errors: [{ message: 'the token has expired', extensions: { code: 'UNAUTHENTICATED' } }],
  });
  await page.route('**/graphql', (route) => route.fulfill({ status: 401, contentType: 'application/json', body }));
  await page.getByRole('link', { name: 'All cases' }).click();
  await page.getByText('Please sign in again: the token has expired.').waitFor();
  await page.unroute('**/graphql');
  await page.getByLabel('Token').fill(alice);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Cases' }).waitFor();
});

/** Makes a case whose texts are as long as they may be, without a place to break a line. */
async function longWinded() {
  const id = await createCase(alice, { title: 'W'.repeat(200), reference: 'R'.repeat(200) });
  await fill(alice, id, [
    {
      title: 'E'.repeat(200),
      occurredAt: '2026-01-01T00:00:00Z',
      description: 'D'.repeat(300),
      batches: [['L'.repeat(200), 2147483647, '.x'.repeat(250)]],
    },
  ]);
  return id;
}

for (const [name, options] of Object.entries({
  dark: { colorScheme: 'dark' },
  narrow: { viewport: { width: 360, height: 800 } },
  'narrow-dark': { viewport: { width: 360, height: 800 }, colorScheme: 'dark' },
})) {
  inBrowser(
    `nothing sticks out: ${name}`,
    async () => {
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      await signIn(page, alice);
      await shot(`cases-${name}`);
      await assertAccessible();
      assert.ok((await overflow()) <= 0);
      await goToCase(page);
      await page.locator('.box').first().waitFor();
      await shot(`timeline-${name}`, { fullPage: true });
      assert.ok((await overflow()) <= 0);
      await page.goto(`${APP}#/cases/${await longWinded()}`);
      await page.getByRole('button', { name: 'Delete event “EEE' }).click();
      await page.getByRole('group', { name: 'Confirm' }).waitFor();
      await shot(`long-${name}`, { fullPage: true });
      assert.ok((await overflow()) <= 0);
      await page.goBack();
      await page.getByRole('heading', { name: TITLE }).waitFor();
      await page.getByRole('button', { name: 'Edit Interim report' }).click();
      await shot(`form-${name}`);
      await assertAccessible();
      assert.ok((await overflow()) <= 0);
    },
    options,
  );
}
