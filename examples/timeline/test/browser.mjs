/** The app in a real browser, against a real server, with every other address blocked: what the tests share. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, test } from 'node:test';
import { chromium } from 'playwright-core';
import { APP } from './server.mjs';

const SCREENSHOTS = process.env.DOSSIER_SCREENSHOTS; // a folder to write them to, if they are wanted
const AXE = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

export let page; // of the test that runs
export let complaints; // what went wrong in it
export let expected; // what a test provokes on purpose, as regular expressions
let browser;

before(async () => {
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', `--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE ${new URL(APP).hostname}`],
  });
});

after(() => browser?.close());

/** Opens the app in a browser of its own that can reach its server only, and notes whatever goes wrong in it. */
export async function open(options = {}) {
  const context = await browser.newContext({
    timezoneId: 'America/New_York',
    viewport: { width: 1180, height: 900 },
    ...options,
  });
  await context.route(
    (url) => url.origin !== new URL(APP).origin && url.protocol !== 'data:',
    (route) => {
      complaints.push(`asked for ${route.request().url()}`);
      return route.abort();
    },
  );
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) =>
      console.error(`policy: ${event.violatedDirective}`),
    );
  });
  const opened = await context.newPage();
  opened.on('pageerror', (error) => complaints.push(String(error)));
  opened.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(`${message.text()} ${message.location().url}`);
  });
  await opened.goto(APP);
  opened.setDefaultTimeout(60_000); // a machine may have much else to do
  return opened;
}

export async function signIn(opened, bearer) {
  await opened.getByLabel('Token').fill(bearer);
  await opened.getByRole('button', { name: 'Sign in', exact: true }).click();
  await opened.getByRole('heading', { name: 'Cases' }).waitFor();
}

export const item = (title) => page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: title }) });
export const status = () => page.getByRole('banner').getByRole('status');

/** Checks what a program can check of the accessibility guidelines (WCAG 2.2, A and AA): names, roles, contrast and more. */
export async function assertAccessible() {
  await page.evaluate(AXE);
  const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
  const { violations } = await page.evaluate(
    (values) => globalThis.axe.run({ runOnly: { type: 'tag', values } }),
    tags,
  );
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)]),
    [],
  );
}

export async function shot(name, options = {}) {
  if (SCREENSHOTS) await page.screenshot({ path: `${SCREENSHOTS}/${name}.png`, ...options });
}

beforeEach(() => {
  complaints = [];
  expected = [];
});

/** A test that opens the app, and fails on any complaint of the browser. */
export function inBrowser(name, work, options) {
  test(name, async () => {
    page = await open(options);
    try {
      await work();
      assert.deepEqual(
        complaints.filter((complaint) => !expected.some((pattern) => pattern.test(complaint))),
        [],
      );
    } catch (error) {
      await shot(`failed-${name.replace(/\W+/g, '-')}`, { fullPage: true });
      throw error;
    } finally {
      await page.context().close();
    }
  });
}
