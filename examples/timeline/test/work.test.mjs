/** Nobody's work is lost, and nothing is said that isn't so: in a real browser. See the README for how to run it. */
import assert from 'node:assert/strict';
import { beforeEach } from 'node:test';
import { assertAccessible, expected, inBrowser, item, page, shot, signIn, status } from './browser.mjs';
import { createCase, fill, run, token } from './server.mjs';

const mark = Date.now().toString(36); // tells the rows of this run from those of others
const alice = token('Alice');
const bob = token('Bob', { role: 'admin' }); // who may change Alice's cases
const TITLE = `Lost and found ${mark}`;
const TEXT = 'Five hundred characters that somebody typed. '.repeat(11);

const DELETE_EVENT = 'mutation ($input: DeleteEventInput!) { deleteEvent(input: $input) { errors { message path } } }';
const DELETE_BATCH =
  'mutation ($input: DeleteFileBatchInput!) { deleteFileBatch(input: $input) { errors { message path } } }';
const DELETE_CASE = 'mutation ($input: DeleteCaseInput!) { deleteCase(input: $input) { errors { message path } } }';
const BATCHES = 'query ($c: ID!, $e: ID!) { event(caseId: $c, id: $e) { fileBatches { nodes { id label } } } }';
const EVENTS = `query ($id: ID!) { case(id: $id) { events(first: 100) {
  nodes { title description occurredAt occurredUntil timePrecision version createdBy { subject } } } } }`;

let caseId, ids;

/** A case with two events of its own for each test. */
beforeEach(async () => {
  caseId = await createCase(alice, { title: TITLE });
  ids = await fill(alice, caseId, [
    { title: 'First', occurredAt: '2026-03-01T10:00:00Z', batches: [['Mailboxes', 3, '.pst']] },
    { title: 'Second', occurredAt: '2026-03-02T10:00:00Z', batches: [['Logs', 5, '.evtx']] },
  ]);
});

const stored = async () => (await run(alice, EVENTS, { id: caseId })).case.events.nodes;
const button = (name, options = {}) => page.getByRole('button', { name, exact: true, ...options });
const save = () => button('Save').click();
const answered = () => page.getByRole('button', { name: 'Save', disabled: false }).waitFor();
const edit = (what) => button(`Edit ${what}`).click();
const description = () => page.getByLabel('Description');
const from = () => page.getByLabel('From', { exact: true });

async function goTo(id = caseId) {
  await page.goto(`${page.url().split('#')[0]}#/cases/${id}`);
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
}

async function openCase(bearer = alice) {
  await signIn(page, bearer);
  await goTo();
}

/** Answers the next mutations in the server's place. */
async function answerChanges(answer) {
  await page.route('**/graphql', (route) =>
    route.request().postData().includes('mutation') ? answer(route) : route.continue(),
  );
}

/** Notes the questions that are asked before a page is left, and answers them. */
function answerQuestions(answer) {
  const asked = [];
  page.removeAllListeners('dialog');
  page.on('dialog', async (dialog) => {
    asked.push(dialog.type());
    await (answer ? dialog.accept() : dialog.dismiss());
  });
  return asked;
}

// What is refused, or lost on the way

inBrowser('an event that was deleted meanwhile keeps its form, and can be added again', async () => {
  await openCase();
  await edit('First');
  await page.getByLabel('Title').fill('First, again');
  await save();
  await page.getByText('Event saved.').waitFor();

  await edit('First, again');
  await description().fill(TEXT);
  await run(bob, DELETE_EVENT, { input: { caseId, id: ids.First } });
  await save();
  await page.getByText('This event was deleted meanwhile').waitFor();
  await page.getByText('Nothing was saved.').waitFor();
  assert.equal(await status().innerText(), '');
  assert.equal(await description().inputValue(), TEXT);
  await shot('deleted-meanwhile', { fullPage: true });
  await assertAccessible();

  await button('Add as a new event').click();
  await page.getByText('Event added.').waitFor();
  await item('First, again').getByText(TEXT.trim()).waitFor();
  assert.equal(await status().innerText(), 'Event added.');
  assert.deepEqual(
    (await stored()).map(({ title, description: text, occurredAt, version }) => [title, text, occurredAt, version]),
    [
      ['First, again', TEXT, '2026-03-01T10:00:00.000000Z', 1],
      ['Second', null, '2026-03-02T10:00:00.000000Z', 1],
    ],
  );
  assert.equal(await page.getByText('deleted meanwhile').count(), 0);
});

inBrowser('a batch that was deleted meanwhile keeps its form, and can be added again', async () => {
  await openCase();
  const [{ id }] = (await run(alice, BATCHES, { c: caseId, e: ids.First })).event.fileBatches.nodes;
  await edit('Mailboxes');
  await description().fill(TEXT);
  await run(bob, DELETE_BATCH, { input: { caseId, eventId: ids.First, id } });
  await save();
  await page.getByText('This batch was deleted meanwhile').waitFor();
  assert.equal(await description().inputValue(), TEXT);
  assert.equal(await status().innerText(), '');
  await button('Add as a new batch').click();
  await page.getByText('Batch added.').waitFor();
  await item('First').getByText(TEXT.trim()).waitFor();
  const { nodes } = (await run(alice, BATCHES, { c: caseId, e: ids.First })).event.fileBatches;
  assert.deepEqual(
    nodes.map((each) => [each.label, each.id === id]),
    [['Mailboxes', false]],
  );
});

inBrowser('a draft stays when another form is saved after its event was deleted', async () => {
  await openCase();
  await edit('Second');
  await description().fill(TEXT);
  await edit('Logs'); // a batch of the same event
  const label = page.getByLabel('Label');
  await label.fill('Logs, all of them');
  await button('Add batch to First').click();
  await page.getByRole('form', { name: 'New batch' }).getByLabel('Label').fill('More');
  await page.getByRole('form', { name: 'New batch' }).getByLabel('Number of files').fill('1');
  await run(bob, DELETE_EVENT, { input: { caseId, id: ids.Second } });
  await page.getByRole('form', { name: 'New batch' }).getByRole('button', { name: 'Save' }).click();
  await page.getByText('Batch added.').waitFor();
  await page.getByText('This event was deleted meanwhile').waitFor();
  const event = page.getByRole('form', { name: 'Edit event' });
  assert.equal(await event.getByLabel('Description').inputValue(), TEXT);
  assert.equal(await label.inputValue(), 'Logs, all of them');
  await page.getByRole('form', { name: 'Edit batch' }).getByRole('button', { name: 'Save' }).click();
  await page.getByText('Nothing was saved.').waitFor();
  assert.equal(await label.inputValue(), 'Logs, all of them');
  await page.getByRole('form', { name: 'Edit batch' }).getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await event.getByLabel('Description').inputValue(), TEXT);
  await event.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('This event was deleted meanwhile').waitFor({ state: 'detached' });
});

inBrowser('what was typed stays when the whole case was deleted', async () => {
  const asked = answerQuestions(true);
  await openCase();
  await edit('First');
  await description().fill(TEXT);
  await button('Edit case').click();
  await page.getByLabel('Reference').fill('R-1');
  await run(bob, DELETE_CASE, { input: { id: caseId } });
  await page.getByRole('form', { name: 'Edit event' }).getByRole('button', { name: 'Save' }).click();
  await page.getByText('This case was deleted meanwhile').waitFor();
  assert.equal(await status().innerText(), '');
  assert.equal(await page.getByRole('form', { name: 'Edit event' }).getByLabel('Description').inputValue(), TEXT);
  assert.equal(await page.getByLabel('Reference').inputValue(), 'R-1');
  await shot('case-deleted-meanwhile', { fullPage: true });
  await assertAccessible();
  await page.getByRole('link', { name: 'All cases' }).click();
  await page.getByRole('heading', { name: 'Cases' }).waitFor();
  assert.deepEqual(asked, ['confirm']);
});

inBrowser('without a draft, a case that was deleted is gone', async () => {
  await openCase();
  await run(bob, DELETE_CASE, { input: { id: caseId } });
  await button('Delete event “First” with its 1 file batch').click();
  await page.getByRole('group', { name: 'Confirm' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('There is no such case, at least not for you.').waitFor();
  assert.match(await status().innerText(), /^event “First” with its 1 file batch: Not deleted: /);
});

inBrowser('the status line says what happened last, and not for ever', async () => {
  await page.clock.install();
  await openCase();
  await edit('First');
  await description().fill('One');
  await save();
  await page.getByText('Event saved.').waitFor();
  await page.clock.fastForward(11_000);
  await page.getByText('Event saved.').waitFor({ state: 'detached' });

  await edit('First');
  await description().fill('Two');
  await save();
  await page.getByText('Event saved.').waitFor();
  await edit('First');
  await page.getByLabel('Title').fill(' ');
  let goOn;
  const held = new Promise((resolve) => (goOn = resolve));
  await answerChanges(async (route) => {
    await held;
    await route.continue();
  });
  await save();
  await page.getByText('Event saved.').waitFor({ state: 'detached' }); // while nobody knows yet what comes of it
  goOn();
  await page.getByText('“Title” must not be blank').waitFor();
  assert.equal(await status().innerText(), '');
});

inBrowser('who edits again at once is not in conflict with their own change', async () => {
  await openCase();
  await page.route('**/graphql', async (route) => {
    if (!route.request().postData().includes('mutation')) await new Promise((resolve) => setTimeout(resolve, 1_000));
    await route.continue();
  });
  for (const text of ['One', 'Two']) {
    await edit('First');
    await description().fill(text);
    await save();
    await page.getByText('Event saved.').waitFor();
    assert.equal(await page.getByText(text, { exact: true }).isVisible(), true);
  }
  assert.deepEqual(
    (await stored()).map((event) => [event.description, event.version]),
    [
      ['Two', 3],
      [null, 1],
    ],
  );
});

inBrowser('a change that may have been made is told as such', async () => {
  expected.push(/400|50\d/, /ERR_FAILED/);
  await openCase();
  const answers = {
    'Nothing was saved. The server refused the request: the database is away, so this change was not made.': {
      contentType: 'application/json',
      body: JSON.stringify({
        data: null,
        errors: [
          { message: 'the database is away, so this change was not made', extensions: { code: 'UNAVAILABLE' } },
        ],
      }),
    },
    'The server got no answer from its database. It is not known whether this was saved. Send it again as it is, and': {
      status: 503,
      contentType: 'application/json',
      body: JSON.stringify({
        errors: [
          {
            message: 'the connection broke while it was committed; look before you repeat it',
            extensions: { code: 'UNKNOWN_OUTCOME' },
          },
        ],
      }),
    },
    'The server got no answer from its database. It is not known whether this was saved. Send it again': {
      contentType: 'application/json',
      body: JSON.stringify({
        data: null,
        errors: [{ message: 'nobody knows', path: ['createEvent'], extensions: { code: 'UNKNOWN_OUTCOME' } }],
      }),
    },
    'The server can’t answer (503): the server was stopped. It is not known whether this was saved. Send': {
      status: 503,
      contentType: 'application/json',
      body: JSON.stringify({ errors: [{ message: 'the server was stopped', extensions: { code: 'UNAVAILABLE' } }] }),
    },
    'The server can’t answer (200): its log has the reason. It is not known whether this was saved. Send': {
      contentType: 'application/json',
      body: JSON.stringify({
        data: null,
        errors: [{ message: 'its log has the reason', extensions: { code: 'INTERNAL_ERROR' } }],
      }),
    },
    'The server’s answer was lost (502). It is not known whether this was saved. Send': { status: 502, body: 'Bad' },
    'The server’s answer was lost (200). It is not known whether this was saved. Send': { status: 200, body: '' },
    'The server can’t be reached. It is not known whether this was saved. Send': undefined,
    // What was certainly not made now may have been made before.
    'The server refused the request: no. It is not known whether this was saved. Send': {
      status: 400,
      contentType: 'application/json',
      body: JSON.stringify({ errors: [{ message: 'no', extensions: { code: 'BAD_REQUEST' } }] }),
    },
  };
  await button('Add event').click();
  await page.getByLabel('Title').fill('Perhaps');
  await from().fill('2026-03-03 12:00');
  for (const [told, answer] of Object.entries(answers)) {
    await answerChanges((route) => (answer ? route.fulfill(answer) : route.abort()));
    await save();
    await answered();
    await page.getByRole('form').getByText(told).waitFor();
    assert.equal(await status().innerText(), '');
    assert.equal(await page.getByLabel('Title').inputValue(), 'Perhaps');
    await page.unroute('**/graphql');
  }
  await shot('unknown-outcome');
  await assertAccessible();
  assert.equal((await stored()).length, 2);

  // Nothing is said to be deleted before it is.
  await answerChanges((route) => route.fulfill({ status: 502, body: '' }));
  await button('Delete event “Second” with its 1 file batch').click();
  await page.getByRole('group', { name: 'Confirm' }).getByRole('button', { name: 'Delete' }).click();
  await item('Second').getByText('It is not known whether this was deleted. If it is still there, delete').waitFor();
  assert.equal(await status().innerText(), '');
});

/** Lets so many changes through and cuts their answers off; returns the ids that changes are sent with from now on. */
async function loseAnswers(count, lose = (route) => route.abort()) {
  const ids = [];
  await page.unroute('**/graphql');
  await answerChanges(async (route) => {
    ids.push(route.request().postDataJSON().variables.input.requestId);
    if (ids.length > count) return route.continue();
    await route.fetch();
    await lose(route);
  });
  return ids;
}

inBrowser('an answer that is cut off is asked for again, and everything is done once', async () => {
  expected.push(/50\d/, /ERR_FAILED/);
  const titles = async () => (await stored()).map(({ title, version }) => [title, version]);
  await openCase();

  // Cut off once, nobody notices.
  let sent = await loseAnswers(1);
  await button('Add event').click();
  await page.getByLabel('Title').fill('Third');
  await from().fill('2026-03-03 12:00');
  await save();
  await page.getByText('Event added.').waitFor();
  assert.equal(sent.length, 2);
  assert.equal(new Set(sent).size, 1);
  const [third] = sent;
  assert.match(third, /^[0-9a-f]{32}$/);

  // Cut off again and again, it is shown, told as unknown, and made once by whoever presses again.
  sent = await loseAnswers(2);
  await button('Add event').click();
  await page.getByLabel('Title').fill('Fourth');
  await from().fill('2026-03-04 12:00');
  await save();
  await page.getByRole('form').getByText('It is not known whether this was saved').waitFor();
  await item('Fourth').waitFor();
  assert.equal(await status().innerText(), '');
  await save();
  await page.getByText('Event added.').waitFor();
  assert.equal(await page.getByRole('form').count(), 0);
  assert.equal(await page.getByRole('heading', { name: 'Fourth' }).count(), 1);
  assert.deepEqual([sent.length, new Set(sent).size], [3, 1]);
  assert.notEqual(sent[0], third);
  assert.deepEqual((await titles()).slice(2), [['Third', 1], ['Fourth', 1]]);

  // With other content it is another request.
  sent = await loseAnswers(4);
  await button('Add event').click();
  await page.getByLabel('Title').fill('Fifth');
  await from().fill('2026-03-05 12:00');
  await save();
  await item('Fifth').waitFor();
  await page.getByRole('form').getByText('before you change it, look whether it was saved').waitFor();
  await page.getByLabel('Title').fill('Sixth');
  await save();
  await item('Sixth').waitFor();
  await answered();
  await save();
  await page.getByText('Event added.').waitFor();
  assert.deepEqual(sent, [sent[0], sent[0], sent[2], sent[2], sent[2]]);
  assert.notEqual(sent[0], sent[2]);

  // A change of a row is not in conflict with itself.
  sent = await loseAnswers(2, (route) => route.fulfill({ status: 504, body: '' }));
  await edit('First');
  await description().fill('Mine');
  await save();
  await page.getByText('The server’s answer was lost (504).').waitFor();
  await save();
  await page.getByText('Event saved.').waitFor();
  assert.deepEqual([sent.length, new Set(sent).size], [3, 1]);

  // What is deleted is deleted.
  sent = await loseAnswers(1);
  await button('Delete event “Second” with its 1 file batch').click();
  await page.getByRole('group', { name: 'Confirm' }).getByRole('button', { name: 'Delete' }).click();
  await page.getByText('Deleted event “Second” with its 1 file batch.').waitFor();
  assert.deepEqual([sent.length, new Set(sent).size], [2, 1]);
  assert.deepEqual(await titles(), [
    ['First', 2],
    ['Third', 1],
    ['Fourth', 1],
    ['Fifth', 1],
    ['Sixth', 1],
  ]);
});

// A case that isn't complete

inBrowser('a case that is still being collected is seen to be', async () => {
  const title = `Folder /srv/share ${mark}`;
  const id = await createCase(alice, {
    title,
    status: 'OPEN',
    description: 'INCOMPLETE: 18 of 63 days were recorded.\nCollected from /srv/share.',
  });
  await signIn(page, alice);
  const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: title }) });
  await row.getByText('INCOMPLETE: 18 of 63 days were recorded.').waitFor();
  assert.equal(await row.getByRole('cell').nth(2).innerText(), 'open');
  await shot('incomplete-list');
  await goTo(id);
  await page.getByText('INCOMPLETE: 18 of 63 days were recorded.').waitFor();
  await page.locator('.facts').getByText('open', { exact: true }).waitFor();
});

// A token that ends

const ENDED = {
  status: 401,
  contentType: 'application/json',
  body: JSON.stringify({ errors: [{ message: 'the token has expired', extensions: { code: 'UNAUTHENTICATED' } }] }),
};
const dialog = () => page.getByRole('dialog', { name: 'Sign in again' });

/** Answers those with one token as the server does once it has ended. */
async function end(bearer) {
  await page.route('**/graphql', (route) =>
    route.request().headers().authorization === `Bearer ${bearer}` ? route.fulfill(ENDED) : route.continue(),
  );
}

async function signInAgain(bearer) {
  await dialog().getByLabel('Token').fill(bearer);
  await dialog().getByRole('button', { name: 'Sign in', exact: true }).click();
}

inBrowser('a token that ends keeps the page and its forms, and what waited is sent once', async () => {
  expected.push(/401/);
  await openCase();
  await edit('First');
  await description().fill(TEXT);
  await button('Add event').click();
  await page.getByRole('form', { name: 'New event' }).getByLabel('Title').fill('Half a draft');
  await end(alice);
  await page.getByRole('form', { name: 'Edit event' }).getByRole('button', { name: 'Save' }).click();
  await dialog().getByText('Please sign in again: the token has expired.').waitFor();
  await shot('sign-in-again');
  await assertAccessible();
  await signInAgain(token('Alice', { expires: '7h' }));
  await page.getByText('Event saved.').waitFor();
  await item('First').getByText(TEXT.trim()).waitFor();
  assert.equal(await page.getByLabel('Title').inputValue(), 'Half a draft');
  assert.deepEqual(
    (await stored()).map((event) => [event.title, event.version]),
    [
      ['First', 2],
      ['Second', 1],
    ],
  );
});

inBrowser('one user’s draft is never sent as another’s', async () => {
  expected.push(/401/);
  const asked = answerQuestions(true);
  await openCase();
  await button('Add event').click();
  await page.getByLabel('Title').fill('Of Alice');
  await from().fill('2026-03-03 12:00');
  await end(alice);
  await save();
  await signInAgain(bob);
  await dialog().getByText('That token is of Bob. What is open here is of Alice').waitFor();
  await shot('somebody-else');
  assert.equal((await stored()).length, 2);

  // Not now: the draft stays, and is not saved.
  await page.keyboard.press('Escape');
  await page.getByRole('form').getByText('Nothing was saved. The server refused the request: the token has').waitFor();
  assert.equal(await page.getByLabel('Title').inputValue(), 'Of Alice');
  await save();
  await dialog().getByRole('button', { name: 'Sign out' }).click();
  assert.deepEqual(asked, ['confirm']);
  await page.getByText('You are signed out.').waitFor();
  await page.getByLabel('Token').fill(bob);
  await button('Sign in').click();
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  assert.equal(await page.getByText('Of Alice').count(), 0);
  assert.equal((await stored()).length, 2);
});

inBrowser('a token’s end is announced some minutes before', async () => {
  const start = Date.now();
  await page.clock.install({ time: start });
  await openCase(token('Alice', { expires: '1h' }));
  await edit('First');
  await description().fill(TEXT);
  assert.equal(await page.getByText('Your token is good until').count(), 0);
  await page.clock.setSystemTime(start + 56 * 60_000);
  await page.clock.runFor(6000);
  await page.getByText(/Your token is good until \d\d:\d\d\./).waitFor();
  await shot('token-ends-soon');
  await assertAccessible();
  await button('Sign in again').click();
  await signInAgain(token('Alice', { expires: '8h' }));
  await page.getByText('Your token is good until').waitFor({ state: 'detached' });
  assert.equal(await description().inputValue(), TEXT);
});

for (const [name, options] of Object.entries({
  dark: { colorScheme: 'dark' },
  narrow: { viewport: { width: 360, height: 740 } },
})) {
  inBrowser(
    `what is said of losses sticks out nowhere: ${name}`,
    async () => {
      expected.push(/401/);
      const look = async (what) => {
        await shot(`${what}-${name}`, { fullPage: true });
        await assertAccessible();
        assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)) <= 0, what);
      };
      answerQuestions(true);
      await openCase(token('Alice', { expires: '4m' }));
      await page.getByText('Your token is good until').waitFor();
      await page.getByLabel('Times').selectOption('America/New_York');
      await page.getByRole('button', { name: /^Delete case/ }).click();
      await page.getByRole('group', { name: 'Confirm' }).waitFor();
      await edit('First');
      await description().fill(TEXT);
      await run(bob, DELETE_EVENT, { input: { caseId, id: ids.First } });
      await save();
      await page.getByText('This event was deleted meanwhile').waitFor();
      await look('losses');
      await page.route('**/graphql', (route) => route.fulfill(ENDED));
      await button('Add as a new event').click();
      await dialog().getByText('the token has expired').waitFor();
      await look('sign-in-again');
    },
    options,
  );
}

// Leaving

inBrowser('leaving a form with something in it asks, whichever way', async () => {
  await openCase();
  await edit('First');
  await description().fill(TEXT);
  const ways = {
    'All cases': () => page.getByRole('link', { name: 'All cases' }).click(),
    brand: () => page.getByRole('link', { name: 'Dossier' }).click(),
    Back: () => page.goBack(),
    'another address': () => page.evaluate(() => (window.location.hash = '#/cases/other')),
    'Sign out': () => button('Sign out').click(),
    reload: () => page.evaluate(() => window.location.reload()),
  };
  for (const [name, leave] of Object.entries(ways)) {
    const asked = answerQuestions(false);
    await leave();
    for (let wait = 0; asked.length === 0 && wait < 200; wait++) await page.waitForTimeout(50);
    assert.deepEqual(asked, [name === 'reload' ? 'beforeunload' : 'confirm'], name);
    assert.equal(await description().inputValue(), TEXT, name);
    assert.ok(page.url().endsWith(`#/cases/${caseId}`), name);
  }

  // Nothing is lost by another zone, nor by another page of the same case; and nothing is asked.
  const asked = answerQuestions(false);
  await page.getByLabel('Times').selectOption('America/New_York');
  await item('Second').getByText('−05:00').first().waitFor();
  assert.equal(await description().inputValue(), TEXT);
  await description().fill('');
  await page.getByRole('link', { name: 'All cases' }).click();
  await page.getByRole('heading', { name: 'Cases' }).waitFor();
  assert.deepEqual(asked, []);

  await button('New case').click();
  await page.getByLabel('Title').fill('Never to be');
  const again = answerQuestions(true);
  await page.goBack();
  await page.getByRole('heading', { name: 'Timeline' }).waitFor();
  assert.deepEqual(again, ['confirm']);
  await page.getByRole('link', { name: 'All cases' }).click();
  await button('New case').click();
  await page.getByLabel('Title').fill(`Made ${mark}`);
  await save();
  await page.getByRole('heading', { name: `Made ${mark}` }).waitFor();
  assert.deepEqual(again, ['confirm']);
});

// Deleting a case

inBrowser('a case is deleted only by who knows which, and what goes with it', async () => {
  const many = Array.from({ length: 101 }, (_, index) => ({
    title: `Event ${index}`,
    occurredAt: '2026-04-01T00:00:00Z',
    batches: index % 50 === 0 ? [['One', 1, '.txt']] : [],
  }));
  await fill(alice, caseId, many);
  const { number } = (await run(alice, 'query ($id: ID!) { case(id: $id) { number } }', { id: caseId })).case;
  await openCase();
  await page.getByRole('button', { name: `Delete case ${number}` }).click();
  const confirm = page.getByRole('group', { name: 'Confirm' });
  await confirm
    .getByText(`Delete case ${number} “${TITLE}” with 103 events and 5 file batches?`)
    .waitFor();
  const go = confirm.getByRole('button', { name: 'Delete' });
  assert.ok(await go.isDisabled());
  await shot('delete-case');
  await assertAccessible();
  await confirm.getByLabel('Type').fill(`${number}1`);
  await page.keyboard.press('Enter');
  assert.ok(await go.isDisabled());
  await confirm.getByRole('button', { name: 'Keep' }).click();
  await run(alice, 'query ($id: ID!) { case(id: $id) { id } }', { id: caseId }).then(({ case: row }) => assert.ok(row));

  await page.getByRole('button', { name: `Delete case ${number}` }).click();
  await confirm.getByLabel('Type').fill(String(number));
  await go.click();
  await page.getByRole('heading', { name: 'Cases' }).waitFor();
  await page.getByText(`Deleted case ${number} “${TITLE}” with 103 events and 5 file batches.`).waitFor();
  assert.equal((await run(alice, 'query ($id: ID!) { case(id: $id) { id } }', { id: caseId })).case, null);
});

inBrowser('what can’t be counted isn’t offered to be deleted', async () => {
  expected.push(/503/);
  await openCase();
  await page.route('**/graphql', (route) => route.fulfill({ status: 503, body: '' }));
  await page.getByRole('button', { name: /^Delete case/ }).click();
  await page.getByText('Not deleted: what goes with it can’t be counted at present.').waitFor();
});

// Times

const times = () => page.locator('.event > time').allInnerTexts();

inBrowser('times are in UTC, or local with the offset of each', async () => {
  await fill(alice, caseId, [
    { title: 'Spring', occurredAt: '2024-04-01T12:00:00Z', timePrecision: 'MINUTE' },
    { title: 'Winter', occurredAt: '2024-12-01T12:00:00Z', timePrecision: 'MINUTE' },
    { title: 'A date', occurredAt: '2025-03-10T00:00:00Z', timePrecision: 'DAY' },
    { title: 'After it began', occurredAt: '2025-03-10T01:00:00Z' },
    { title: 'A month', occurredAt: '2025-04-01T00:00:00Z', timePrecision: 'MONTH' },
    { title: 'A year', occurredAt: '2026-01-01T00:00:00Z', timePrecision: 'YEAR' },
  ]);
  await openCase();
  await page.getByText('times in UTC').waitFor();
  const inUtc = [
    '2024-04-01 12:00',
    '2024-12-01 12:00',
    '2025-03-10',
    '2025-03-10 01:00:00',
    '2025-04',
    '2026',
    '2026-03-01 10:00:00',
    '2026-03-02 10:00:00',
  ];
  assert.deepEqual(await times(), inUtc);
  await page.getByLabel('Times').selectOption('America/New_York');
  await page.getByText('times in America/New_York').waitFor();
  const inLocal = [
    '2024-04-01 08:00 −04:00',
    '2024-12-01 07:00 −05:00',
    '2025-03-10 (UTC)',
    '2025-03-09 21:00:00 −04:00',
    '2025-04 (UTC)',
    '2026 (UTC)',
    '2026-03-01 05:00:00 −05:00',
    '2026-03-02 05:00:00 −05:00',
  ];
  assert.deepEqual(await times(), inLocal);
  assert.match(await item('Spring').locator('.author').innerText(), /^entered \d{4}-\d\d-\d\d \d\d:\d\d −0[45]:00 by Alice$/);
  await shot('local-times', { fullPage: true });
  await assertAccessible();

  // The address remembers it, whichever page is gone to.
  await page.getByRole('link', { name: 'All cases' }).click();
  await page.getByRole('cell', { name: /−0[45]:00 by Alice$/ }).first().waitFor();
  await page.goBack();
  await page.getByText('times in America/New_York').waitFor();
  assert.equal(new URL(page.url()).search, '?times=local');
  await page.reload();
  await signInHere();
  await page.getByText('times in America/New_York').waitFor();
  assert.deepEqual(await times(), inLocal);
  await page.getByLabel('Times').selectOption('UTC');
  assert.deepEqual(await times(), inUtc);
  assert.equal(new URL(page.url()).search, '');
});

async function signInHere() {
  await page.getByLabel('Token').fill(alice);
  await button('Sign in').click();
}

inBrowser('parts of a second are shown, kept and entered to the microsecond', async () => {
  await fill(alice, caseId, [{ title: 'Precise', occurredAt: '2025-03-01T00:00:00.000001Z' }]);
  await openCase();
  assert.equal((await times())[0], '2025-03-01 00:00:00.000001');
  await edit('Precise');
  assert.equal(await from().inputValue(), '2025-03-01 00:00:00.000001Z');
  await page.getByText('= 2025-03-01T00:00:00.000001Z').waitFor();
  await from().fill('2025-03-01T00:00:00.123456');
  await page.getByText('= 2025-03-01T00:00:00.123456Z').waitFor();
  await page.getByLabel('Until').fill('2025-03-01T02:00:00.000002+02:00');
  await save();
  await page.getByText('“Until, if it lasted” must not lie before “From”').waitFor();
  await page.getByLabel('Until').fill('2025-03-01 02:00:00.123457 +02:00');
  await save();
  await item('Precise').getByText('2025-03-01 00:00:00.123456 –').waitFor();
  const [event] = await stored();
  assert.deepEqual(
    [event.occurredAt, event.occurredUntil],
    ['2025-03-01T00:00:00.123456Z', '2025-03-01T00:00:00.123457Z'],
  );

  // What is no time is told beside its field, and nothing is sent.
  await edit('Precise');
  await from().fill('1 March');
  await save();
  await page.locator('.fault').getByText('Write it as 2026-03-01 10:30:00.123456.').waitFor();
  assert.ok(await from().evaluate((field) => field === document.activeElement));
  await from().fill('2025-03-01');
  await page.getByLabel('Until').fill('');
  await page.getByLabel('Known to the').selectOption('month');
  await page.getByText('= 2025-03-01T00:00:00.000000Z').waitFor();
  await save();
  await item('Precise').getByText('2025-03', { exact: true }).waitFor();
});

inBrowser(
  'an hour that comes twice is two hours',
  async () => {
    await fill(alice, caseId, [
      {
        title: 'Twenty minutes',
        occurredAt: '2025-10-26T00:50:00Z',
        occurredUntil: '2025-10-26T01:10:00Z',
        timePrecision: 'MINUTE',
      },
    ]);
    await openCase();
    await page.getByLabel('Times').selectOption('Europe/Berlin');
    assert.equal((await times())[0], '2025-10-26 02:50 +02:00 –\n02:10 +01:00');
    const bar = page.locator('.axis rect').first();
    assert.ok((await bar.evaluate((each) => each.width.baseVal.value)) >= 2);

    await button('Add event').click();
    await page.getByLabel('Title').fill('The second half past two');
    await from().fill('2025-10-26 02:30');
    await page.getByText('There are two 2025-10-26 02:30:00 in Europe/Berlin.').waitFor();
    await save();
    await page.locator('.fault').getByText('Write +02:00 or +01:00 behind it.').waitFor();
    await shot('twice');
    await from().fill('2025-10-26 02:30 +01:00');
    await page.getByText('= 2025-10-26T01:30:00.000000Z').waitFor();
    await save();
    await item('The second half past two').getByText('2025-10-26 02:30 +01:00').waitFor();
    assert.deepEqual(
      (await stored()).slice(0, 2).map((event) => event.occurredAt),
      ['2025-10-26T00:50:00.000000Z', '2025-10-26T01:30:00.000000Z'],
    );

    // On the axis, the offset says which is which.
    await edit('The second half past two');
    assert.equal(await from().inputValue(), '2025-10-26 02:30 +01:00');
    await button('Cancel').click();
    await page.locator('.box', { hasText: 'The second half' }).click();
    for (let step = 0; step < 12; step++) await button('Zoom in').click();
    await page.locator('.chart .span').getByText('2025-10-26 02:07 +01:00 – 2025-10-26 02:52 +01:00').waitFor();
    const labels = await page.locator('.axis text').allTextContents();
    assert.match(labels[0], / \+0[12]:00$/);
    await shot('twice-drawn');
  },
  { timezoneId: 'Europe/Berlin' },
);

// Counts

inBrowser('the heading counts what is shown', async () => {
  expected.push(/ERR_INTERNET_DISCONNECTED/);
  const many = Array.from({ length: 303 }, (_, index) => ({
    title: `Event ${index + 1}`,
    occurredAt: new Date(Date.UTC(2025, 0, 1, 0, index)).toISOString(),
  }));
  caseId = await createCase(alice, { title: `Many ${mark}` });
  await Promise.all([0, 1, 2].map((part) => fill(alice, caseId, many.slice(part * 101, part * 101 + 101))));
  await openCase();
  const says = (text) => page.locator('section .facts').getByText(text, { exact: true }).waitFor();
  await says('events 1 to 100 of 303 events');
  await edit('Event 7');
  await description().fill(TEXT);

  await page.context().setOffline(true);
  await button('Later events').click();
  await page.getByText('The server can’t be reached.').waitFor();
  await says('events 1 to 100 of 303 events');
  await item('Event 100').waitFor();
  await shot('page-not-turned');
  await page.context().setOffline(false);
  await button('Later events').click();
  await says('events 101 to 200 of 303 events');
  await item('Event 101').waitFor();

  // The draft came along, and can be saved from here.
  await page.getByText('This event is not among those shown here any more.').waitFor();
  assert.equal(await description().inputValue(), TEXT);
  await save();
  await page.getByText('Event saved.').waitFor();

  // What others add or delete before this page moves its numbers: then none are given.
  const { nodes } = (
    await run(alice, 'query ($id: ID!) { case(id: $id) { events(first: 1) { nodes { id } } } }', { id: caseId })
  ).case.events;
  await run(bob, DELETE_EVENT, { input: { caseId, id: nodes[0].id } });
  await edit('Event 150');
  await description().fill('Changed');
  await save();
  await says('100 of 302 events');
  await button('Later events').click();
  await item('Event 300').waitFor();
  await says('100 of 302 events');
  await button('Later events').click();
  await says('events 300 to 302 of 302 events');
});
