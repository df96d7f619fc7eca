/** Chromium with the portal in it, and what must be true of every walk. */

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { environment } from "./environment.js";
import type { Registry } from "./registry.js";

/** How long one step may take. A loaded machine is slow; a broken portal does not get better by waiting. */
const STEP_MILLISECONDS = 15_000;

export interface Account {
  username: string;
  password: string;
}

export async function launch(): Promise<Browser> {
  return await chromium.launch({
    executablePath: environment("CHROMIUM", "/usr/bin/chromium"),
    // Chromium's own sandbox does not work for root, and a container gives it little shared memory.
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/**
 * Opens the portal at `path` in a fresh browser profile and walks through it. Fails when the walk does, and when the page had an
 * error, broke its own security policy, or asked another host for anything. A failed walk leaves a picture behind.
 */
export async function walk(
  browser: Browser,
  registry: Registry,
  path: string,
  steps: (page: Page) => Promise<void>,
  options: BrowserContextOptions = {},
): Promise<void> {
  const context = await browser.newContext({ baseURL: registry.url, locale: "en-US", ...options });
  context.setDefaultTimeout(STEP_MILLISECONDS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(`error in the page: ${error.message}`));
  page.on("console", (message) => {
    if (/Content.Security.Policy/i.test(message.text())) complaints.push(message.text());
  });
  page.on("request", (request) => {
    const { protocol, host } = new URL(request.url());
    if (protocol !== "data:" && host !== registry.address) complaints.push(`asked for ${request.url()}`);
  });
  try {
    await page.goto(path);
    await steps(page);
  } catch (error) {
    const folder = environment("PORTAL_PICTURES", ".built-tests/pictures");
    await mkdir(folder, { recursive: true });
    const picture = join(folder, `failed-${Date.now()}.png`);
    await page.screenshot({ path: picture, fullPage: true });
    console.error(`the page at the time of the failure: ${picture}`);
    throw error;
  } finally {
    await context.close();
  }
  assert.deepEqual(complaints, []);
}

/** Fills in the form of the sign-in page and waits until it is gone. */
export async function signIn(page: Page, { username, password }: Account): Promise<void> {
  await page.getByLabel("User name").fill(username);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await page.getByRole("main").getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("button", { name: username }).waitFor();
}

/** Waits until a message that something is done is shown. */
export async function said(page: Page, text: string): Promise<void> {
  await page.locator(".ant-message").getByText(text).waitFor();
}
