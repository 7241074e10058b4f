/** What keeps a case, and what was deleted and comes back: in a real browser. See the README for how to run it. */
import assert from 'node:assert/strict';
import { beforeEach } from 'node:test';
import { assertAccessible, inBrowser, item, page, shot, signIn, status } from './browser.mjs';
import { APP, createCase, fill, run, token } from './server.mjs';

const mark = Date.now().toString(36); // tells the rows of this run from those of others
const alice = token('Alice');
const admin = token('Bob', { role: 'admin' });
const TITLE = `Kept ${mark}`;

const change = (name, fields) => `mutation ($input: ${name[0].toUpperCase()}${name.slice(1)}Input!) {
  ${name}(input: $input) { ${fields} errors { message path } } }`;
const make = (name, input, fields = 'change { seq }') => run(alice, change(name, fields), { input });
const close = () => make('updateCase', { id: caseId, status: 'CLOSED' });
const seal = () => make('sealCase', { id: caseId, reason: 'Handed to the court' });
const hold = (name) => make('placeHold', { caseId, name, reason: 'A lawsuit' });
const CASE = `query ($id: ID!) { case(id: $id) { number title status seal { reason }
  holds { name reason releaseReason } events { nodes { id title fileBatches { nodes { id label } } } } } }`;
const stored = async () => (await run(alice, CASE, { id: caseId })).case;

let caseId;

beforeEach(async () => {
  caseId = await createCase(alice, { title: TITLE, description: 'What is to stay as it is.' });
  await fill(alice, caseId, [
    {
      title: 'First',
      occurredAt: '2026-03-01T10:00:00Z',
      batches: [
        ['Mailboxes', 3, '.pst'],
        ['Logs', 5, '.evtx'],
      ],
    },
    { title: 'Second', occurredAt: '2026-03-02T10:00:00Z' },
  ]);
});

const button = (name) => page.getByRole('button', { name, exact: true });
const state = (name) => page.locator('.states > li').filter({ has: page.getByText(name, { exact: true }) });
const confirm = () => page.getByRole('group', { name: 'Confirm' });
const undoLine = () => page.getByRole('status').filter({ hasText: 'Undo' });
const isFocused = (element) => element.evaluate((each) => each === document.activeElement);

/** Waits until no control is there but these; those of the drawing are not counted. */
async function assertControls(...names) {
  const controls = () => page.locator('main button:not(.chart button)').allInnerTexts();
  for (let tries = 0; tries < 100 && (await controls()).join() !== names.join(); tries++) {
    await page.waitForTimeout(100);
  }
  assert.deepEqual(await controls(), names);
}

async function goTo(id = caseId) {
  await page.goto(`${APP}#/cases/${id}`);
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
}

async function openCase(bearer = alice) {
  await signIn(page, bearer);
  await goTo();
}

/** Finds the case in the list. */
async function findCase() {
  await page.getByRole('link', { name: 'All cases' }).click();
  await page.getByRole('searchbox', { name: 'Search' }).fill(TITLE);
  return page.getByRole('row').filter({ has: page.locator(`a[href="#/cases/${caseId}"]`) });
}

const OPEN = ['Edit case', 'Export', 'Delete', 'Seal case', 'Place hold', 'Add event'];
const FIRST = ['Edit', 'Add batch', 'Delete', 'Edit', 'Delete', 'Edit', 'Delete'];
const SECOND = ['Edit', 'Add batch', 'Delete'];

// States

inBrowser('a closed case offers nothing but to be reopened', async () => {
  await close();
  await openCase();
  await state('closed').getByText('Nothing in it can be changed until it is reopened').waitFor();
  await assertControls('Export', 'Reopen', 'Seal case', 'Place hold');
  await shot('closed');
  await assertAccessible();
  await (await findCase()).locator('.state', { hasText: 'closed' }).waitFor();
  await goTo();
  await button('Reopen').click();
  await page.getByText('Case reopened: it is active.').waitFor();
  await assertControls(...OPEN, ...FIRST, ...SECOND);
  assert.equal((await stored()).status, 'ACTIVE');
  assert.ok(await isFocused(page.getByRole('heading', { name: TITLE })));
});

inBrowser('a case is sealed, and the seal is broken, with a reason', async () => {
  await openCase();
  await button('Seal case').click();
  const form = page.getByRole('form', { name: 'Seal case' });
  assert.ok(await isFocused(form.getByLabel('Reason')));
  await form.getByRole('button', { name: 'Seal case' }).click();
  await form.getByText('“Reason” must not be blank').waitFor();
  await form.getByLabel('Reason').fill('Handed to the court');
  await shot('seal-form');
  await assertAccessible();
  await form.getByRole('button', { name: 'Seal case' }).click();
  await page.getByText('Case sealed.').waitFor();
  await state('sealed')
    .getByText(/since \d{4}-\d\d-\d\d \d\d:\d\d by Alice: Handed to the court Nothing in it can be changed until/)
    .waitFor();
  await assertControls('Export', 'Break seal', 'Place hold');
  assert.ok(await isFocused(page.getByRole('heading', { name: TITLE })));
  await shot('sealed');
  await assertAccessible();
  await (await findCase()).getByText(/^sealed since .+ by Alice: Handed to the court$/).waitFor();
  await goTo();

  await button('Break seal').click();
  await page.getByLabel('Reason').fill('The court wants more');
  await page.getByRole('form').getByRole('button', { name: 'Break seal' }).click();
  await page.getByText('Seal broken.').waitFor();
  await assertControls(...OPEN, ...FIRST, ...SECOND);
  assert.equal((await stored()).seal, null);
});

inBrowser('a closed case that is sealed as well is reopened after the seal is broken', async () => {
  await close();
  await seal();
  await openCase();
  await assertControls('Export', 'Break seal', 'Place hold');
});

inBrowser('holds keep what is in a case from being deleted, and from nothing else', async () => {
  await hold('Lawsuit 12');
  await openCase();
  await assertControls('Edit case', 'Export', 'Release “Lawsuit 12”', 'Seal case', 'Place hold', 'Add event',
    ...FIRST.filter((name) => name !== 'Delete'), 'Edit', 'Add batch'); // prettier-ignore
  await button('Place hold').click();
  await page.getByLabel('Name').fill('Tax audit');
  await page.getByLabel('Reason').fill('Of 2025');
  await page.getByRole('form').getByRole('button', { name: 'Place hold' }).click();
  await page.getByText('Hold placed.').waitFor();
  assert.ok(await isFocused(button('Place hold')));
  await state('held').getByText('“Lawsuit 12”, “Tax audit” Nothing of it can be deleted until').waitFor();
  await shot('held');
  await assertAccessible();
  await (await findCase()).getByText('held “Lawsuit 12”, “Tax audit”').waitFor();
  await shot('cases-held');
  await goTo();

  for (const name of ['Lawsuit 12', 'Tax audit']) {
    await button(`Release “${name}”`).click();
    await page.getByLabel('Reason').fill(`${name} is over`);
    await page.getByRole('form').getByRole('button', { name: `Release “${name}”` }).click();
    await page.getByRole('form').waitFor({ state: 'detached' });
  }
  await assertControls(...OPEN, ...FIRST, ...SECOND);
  assert.deepEqual((await stored()).holds, [
    { name: 'Lawsuit 12', reason: 'A lawsuit', releaseReason: 'Lawsuit 12 is over' },
    { name: 'Tax audit', reason: 'Of 2025', releaseReason: 'Tax audit is over' },
  ]);
});

inBrowser('a case that is kept until a date says so', async () => {
  await make('retainCase', { id: caseId, retainUntil: '2099-12-31T12:00:00Z' });
  await openCase();
  await state('kept').getByText('until 2099-12-31 12:00 Nothing of it can be deleted before.').waitFor();
  assert.equal(await button('Delete').count(), 0);
  await (await findCase()).getByText('kept until 2099-12-31 12:00').waitFor();
});

// What the server refuses all the same

inBrowser('what a case refuses since it was looked at is said in plain words, and no draft is lost', async () => {
  await openCase();
  await button('Edit Second').click();
  await page.getByLabel('Title').fill('Second, and last');
  await close();
  await button('Save').click();
  const said = 'Refused: the case is closed, so nothing in it changes until it is reopened.';
  await page.getByRole('alert').getByText(said).waitFor();
  await state('closed').waitFor();
  await shot('closed-meanwhile');
  await assertAccessible();
  assert.equal(await page.getByLabel('Title').inputValue(), 'Second, and last');
  await button('Reopen').click();
  await state('closed').waitFor({ state: 'detached' });
  await button('Save').click();
  await page.getByText('Event saved.').waitFor();
  assert.deepEqual(
    (await stored()).events.nodes.map((event) => event.title),
    ['First', 'Second, and last'],
  );

  await button('Delete event “First” with its 2 file batches').click();
  await hold('Lawsuit 12');
  await confirm().getByRole('button', { name: 'Delete' }).click();
  await page
    .getByText('Not deleted: a hold stands on the case, so nothing of it is deleted until that is released.')
    .first()
    .waitFor();
  await state('held').waitFor();
  assert.match(await status().innerText(), /^event “First” with its 2 file batches: Not deleted: a hold stands/);
});

inBrowser('only an administrator releases what an administrator has placed', async () => {
  await run(admin, change('placeHold', 'hold { id }'), {
    input: { caseId, name: 'By the board', reason: 'An order' },
  });
  await openCase();
  await button('Release “By the board”').click();
  await page.getByLabel('Reason').fill('It is over');
  await page.getByRole('form').getByRole('button', { name: 'Release “By the board”' }).click();
  await page.getByText('Refused: an administrator placed the hold, and only one releases it.').waitFor();
  await page.getByText('Nothing was saved.').waitFor();
});

// Deleted, and back

inBrowser('an event is deleted after a question with numbers, and comes back by Undo', async () => {
  const before = await stored();
  await openCase();
  const remove = button('Delete event “First” with its 2 file batches');
  await remove.focus();
  await page.keyboard.press('Enter');
  await confirm().getByText('Delete event “First” with its 2 file batches?').waitFor();
  assert.ok(await isFocused(confirm().getByRole('button', { name: 'Keep' })));
  await page.keyboard.press('Escape');
  await confirm().waitFor({ state: 'detached' });
  assert.ok(await isFocused(remove));

  await page.keyboard.press('Enter');
  await confirm().waitFor();
  await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await undoLine().getByText('Deleted event “First” with its 2 file batches.').waitFor();
  await item('First').waitFor({ state: 'detached' });
  await shot('undo');
  await assertAccessible();
  for (let presses = 0; presses < 5 && !(await isFocused(button('Undo'))); presses++) {
    await page.keyboard.press('Shift+Tab');
  }
  await page.keyboard.press('Enter');
  await page.getByText('Restored event “First” with 2 file batches.').waitFor();
  assert.equal(await undoLine().count(), 0);
  assert.ok(await isFocused(item('First')));
  assert.deepEqual(await stored(), before);
});

inBrowser('a batch comes back by Undo, and the offer goes when nobody takes it', async () => {
  const before = await stored();
  await page.clock.install();
  await openCase();
  await button('Delete file batch “Mailboxes” of 3 files').click();
  await confirm().getByText('Delete file batch “Mailboxes” of 3 files?').waitFor();
  await confirm().getByRole('button', { name: 'Delete' }).click();
  await button('Undo').click();
  await page.getByText('Restored file batch “Mailboxes”.').waitFor();
  assert.ok(await isFocused(page.locator('.batch').filter({ hasText: 'Mailboxes' })));
  assert.deepEqual(await stored(), before);

  await button('Delete file batch “Logs” of 5 files').click();
  await confirm().getByRole('button', { name: 'Delete' }).click();
  await button('Undo').waitFor();
  await page.clock.fastForward(61_000);
  await button('Undo').waitFor({ state: 'detached' });
});

inBrowser('Undo that is refused says why, and stays', async () => {
  await openCase();
  await button('Delete event “Second”').click();
  await confirm().getByRole('button', { name: 'Delete' }).click();
  await button('Undo').waitFor();
  await close();
  await button('Undo').click();
  await undoLine()
    .getByText('Not restored: the case is closed, so nothing in it changes until it is reopened.')
    .waitFor();
  await button('Reopen').click();
  await page.getByText('Case reopened').waitFor();
  await button('Undo').click();
  await item('Second').waitFor();
});

inBrowser('what was deleted from a case is listed there, and comes back later', async () => {
  await openCase();
  await page.getByText('Deleted', { exact: true }).click();
  await page.getByText('There is nothing that could be restored.').waitFor();
  await button('Delete event “First” with its 2 file batches').click();
  await confirm().getByRole('button', { name: 'Delete' }).click();
  const rows = page.locator('.deleted li');
  await rows.getByText(/^event “First” deleted \d{4}-.+ by Alice/).waitFor();
  await button('Dismiss').click();
  await button('Undo').waitFor({ state: 'detached' });
  await shot('deleted', { fullPage: true });
  await assertAccessible();
  await button('Restore event “First”').click();
  await item('First').waitFor();
  await rows.waitFor({ state: 'detached' });
  assert.equal((await stored()).events.nodes[0].fileBatches.nodes.length, 2);
});

inBrowser('a case is deleted with its numbers, comes back by Undo, and later from the list', async () => {
  const before = await stored();
  const what = `case ${before.number} “${TITLE}” with 2 events and 2 file batches`;
  await openCase();
  const remove = async () => {
    await page.getByRole('button', { name: `Delete case ${before.number}` }).click();
    await confirm().getByText(`Delete ${what}?`).waitFor();
    await confirm().getByLabel('Type').fill(String(before.number));
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Cases' }).waitFor();
    await undoLine().getByText(`Deleted ${what}.`).waitFor();
  };
  await remove();
  await shot('undo-case');
  await button('Undo').click();
  await page.getByText(`Restored case ${before.number} “${TITLE}” with 2 events.`).waitFor();
  await item('First').waitFor();
  assert.deepEqual(await stored(), before);

  await remove();
  await page.getByText('Deleted', { exact: true }).click();
  await page.locator('.deleted li').first().waitFor();
  await shot('deleted-cases', { fullPage: true });
  await assertAccessible();
  await page.getByRole('button', { name: `Restore case “${TITLE}”` }).first().click();
  await page.getByRole('heading', { name: TITLE }).waitFor();
  await item('First').waitFor();
  assert.deepEqual(await stored(), before);
});

for (const [name, options] of Object.entries({
  narrow: { viewport: { width: 390, height: 844 } },
  'narrow-dark': { viewport: { width: 390, height: 844 }, colorScheme: 'dark' },
})) {
  inBrowser(
    `nothing of it sticks out: ${name}`,
    async () => {
      const look = async (what, whole = true) => {
        await shot(`${what}-${name}`, { fullPage: whole });
        await assertAccessible();
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0, what);
      };
      await hold('H'.repeat(200));
      await make('retainCase', { id: caseId, retainUntil: '2099-12-31T12:00:00Z' });
      await seal();
      await openCase();
      await state('sealed').waitFor();
      await look('kept');
      await (await findCase()).waitFor();
      await page.getByText('1 case found').or(page.getByText('cases found')).waitFor();
      await look('kept-cases', false);
      caseId = await createCase(alice, { title: TITLE });
      await fill(alice, caseId, [{ title: 'E'.repeat(200), occurredAt: '2026-01-01T00:00:00Z' }]);
      await goTo();
      await button(`Delete event “${'E'.repeat(200)}”`).click();
      await confirm().getByRole('button', { name: 'Delete' }).click();
      await button('Undo').waitFor();
      await page.getByText('Deleted', { exact: true }).click();
      await page.locator('.deleted li').first().waitFor();
      await look('undo', false);
    },
    options,
  );
}
