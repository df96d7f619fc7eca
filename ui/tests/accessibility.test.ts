/** Every page, measured with axe: contrast, names, roles, structure. */

import assert from "node:assert/strict";
import { test } from "node:test";
import axe, { type AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { signIn } from "./browser.js";
import { type PushedManifest, pushImage } from "./image.js";
import { withStage } from "./stage.js";

let image: PushedManifest;
const stage = withStage(async (api) => {
  await api.createProject("team");
  image = await pushImage(api, "team/hello", "amd64", "1.0");
});

for (const colorScheme of ["light", "dark"] as const) {
  test(`every page can be read and used by everybody, ${colorScheme}`, async () => {
    const { walk, registry } = stage();
    const steps = async (page: Page) => {
      await page.getByRole("heading", { name: "Sign in to Wharf" }).waitFor();
      await measure(page);
      await signIn(page, registry.administrator);
      for (const path of pages()) {
        await page.goto(path);
        await page.getByRole("heading", { level: 1 }).waitFor();
        await page.waitForLoadState("networkidle");
        await measure(page);
      }
      await page.goto("/projects/team/robots");
      await page.getByRole("button", { name: "New robot account" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Create" }).click();
      await page.getByText("Name is required").waitFor();
      await measure(page);
    };
    await walk("/", steps, { colorScheme });
  });
}

function pages(): string[] {
  return [
    "/projects",
    ...["repositories", "members", "robots", "log"].map((tab) => `/projects/team/${tab}`),
    "/projects/team/repositories/hello",
    `/projects/team/repositories/hello@${image.digest}`,
    ...["users", "robots", "audit", "system", "garbage"].map((tab) => `/administration/${tab}`),
    "/account",
    "/search?q=hello",
    "/nothing/here",
  ];
}

async function measure(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const results = await page.evaluate<AxeResults>("axe.run()");
  const found = results.violations.map(
    ({ id, nodes }) => `${page.url()}: ${id}: ${nodes.map(({ html }) => html).join(" ")}`,
  );
  assert.deepEqual(found, []);
}
