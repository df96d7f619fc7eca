/** What administrators do for the whole registry. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Locator } from "playwright-core";
import { said, signIn } from "./browser.js";
import { withStage } from "./stage.js";

const stage = withStage();

test("a user is made, becomes an administrator, gets a new password, and is deleted", async () => {
  const { walk, registry } = stage();
  const ada = { username: "ada", password: "Analytical1843" };
  await walk("/administration/users", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "New user" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("User name").fill(ada.username);
    await dialog.getByLabel("Email").fill("ada@test.example");
    await dialog.getByLabel("Full name").fill("Ada");
    await dialog.getByLabel("New password", { exact: true }).fill("weak");
    await dialog.getByLabel("New password again").fill("weaker");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.getByText("The two are not equal").waitFor();
    await dialog.getByLabel("New password", { exact: true }).fill("Temporary1");
    await dialog.getByLabel("New password again").fill("Temporary1");
    await dialog.getByRole("button", { name: "Create" }).click();
    await said(page, "User ada created");
    await page.getByRole("switch", { name: "ada is an administrator" }).click();
    await said(page, "ada is an administrator now");
    await page
      .getByRole("row", { name: /ada@test/ })
      .getByRole("button", { name: "New password" })
      .click();
    await dialog.getByLabel("New password", { exact: true }).fill(ada.password);
    await dialog.getByLabel("New password again").fill(ada.password);
    await dialog.getByRole("button", { name: "Save" }).click();
    await said(page, "ada has a new password");
  });
  await walk("/administration/users", async (page) => signIn(page, ada));
  await walk("/administration/users", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "Delete ada" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await said(page, "User ada deleted");
  });
});

test("every page of the administration shows what it is for", async () => {
  const { walk, registry } = stage();
  await walk("/administration", async (page) => {
    await signIn(page, registry.administrator);
    const shown: [string, Locator][] = [
      ["Users", page.getByRole("cell", { name: registry.administrator.username }).first()],
      ["Robot accounts", page.getByText("There are no robot accounts.")],
      ["Audit log", page.getByRole("cell", { name: "login" }).first()],
      ["System", page.getByRole("region", { name: "What it holds" }).getByText("Public projects")],
      ["Garbage collection", page.getByRole("region", { name: "Runs" })],
    ];
    for (const [tab, content] of shown) {
      await page.getByRole("tab", { name: tab }).click();
      await content.waitFor();
      await page.waitForLoadState("networkidle");
      assert.deepEqual(await page.getByRole("alert").allTextContents(), [], tab);
    }
  });
});

test("garbage is collected when somebody asks for it", async () => {
  const { walk, registry } = stage();
  await walk("/administration/garbage", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "Collect now" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Collect now" }).click();
    await said(page, "The garbage collection has begun");
    await page.getByRole("cell", { name: "MANUAL" }).first().waitFor();
  });
});
