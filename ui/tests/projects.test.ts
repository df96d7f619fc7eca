/** Projects: made, found, opened to everybody, deleted; their members and robots. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Api } from "./api.js";
import { said, signIn } from "./browser.js";
import { withStage } from "./stage.js";

const grace = { username: "grace", password: "Compiler1952" };
const stage = withStage(async (api) => {
  await api.createUser(grace);
  await api.createProject("team");
});

test("a project is made, found, and deleted only when that is confirmed", async () => {
  const { walk, registry } = stage();
  await walk("/", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "New project" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("Not A Name");
    await dialog.getByRole("button", { name: "Create" }).click();
    await dialog.getByText("Name is not valid").waitFor();
    await dialog.getByLabel("Name").fill("harbour");
    await dialog.getByRole("button", { name: "Create" }).click();
    await said(page, "Project harbour created");

    await page.getByRole("searchbox", { name: "Find a project" }).fill("harb");
    await page.getByRole("link", { name: "team" }).waitFor({ state: "hidden" });
    await page.getByRole("link", { name: "harbour" }).waitFor();

    await page.getByRole("button", { name: "Delete harbour" }).click();
    await dialog.getByText("Delete the project harbour?").waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await page.getByRole("link", { name: "harbour" }).waitFor();
    await page.getByRole("button", { name: "Delete harbour" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await said(page, "Project harbour deleted");
    await page.getByText("Nothing contains “harb”").waitFor();
  });
});

test("what the registry refuses is told in its own words", async () => {
  const { walk, registry } = stage();
  await walk("/", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "New project" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("team");
    const answer = page.waitForResponse((response) => response.request().method() === "POST");
    await dialog.getByRole("button", { name: "Create" }).click();
    const refusal = (await (await answer).json()) as { errors: { code: string; message: string }[] };
    const message = refusal.errors[0]?.message;
    assert.ok(message, "the registry says why");
    await dialog.getByRole("alert").getByText(message).waitFor();
  });
});

test("a member is added, changes role, and is removed", async () => {
  const { walk, registry } = stage();
  await walk("/projects/team/members", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "Add member" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("User name").fill("grace");
    await dialog.getByRole("button", { name: "Add" }).click();
    await said(page, "grace is a member now");

    await page.getByRole("combobox", { name: "Role of grace" }).click();
    await page.locator(".ant-select-item-option", { hasText: "Maintainer" }).click();
    await said(page, "grace: Maintainer");

    await page.getByRole("button", { name: "Remove grace" }).click();
    await dialog.getByRole("button", { name: "Remove" }).click();
    await said(page, "grace is no longer a member");
    await page.getByRole("cell", { name: "grace" }).waitFor({ state: "hidden" });
  });
});

test("a robot's secret is shown once, and works", async () => {
  const { walk, registry } = stage();
  await walk("/projects/team/robots", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "New robot account" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Name").fill("ci");
    await dialog.getByLabel("Push").check();
    await dialog.getByRole("button", { name: "Create" }).click();
    await page.getByText("This is the only time that the secret is shown.").waitFor();
    const [username, password] = await page
      .getByRole("dialog")
      .locator(".command-line code")
      .allTextContents();
    assert.ok(username && password, "name and secret are shown");
    const robot = new Api(registry.url, { username, password });
    await robot.send("POST", "/v2/team/pushed/blobs/uploads/", 202);

    await dialog.getByRole("button", { name: "Close" }).last().click();
    await page.reload();
    await page.getByRole("cell", { name: username, exact: true }).waitFor();
    assert.equal(await page.getByText(password).count(), 0);

    await page.getByRole("button", { name: `Delete ${username}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await said(page, `Robot account ${username} deleted`);
    await robot.send("POST", "/v2/team/pushed/blobs/uploads/", 401);
  });
});

test("a project is opened to everybody", async () => {
  const { walk, registry } = stage();
  await walk("/projects/team", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "Make public" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Make public" }).click();
    await said(page, "team is public now");
    await page.getByRole("button", { name: "Make private" }).waitFor();
  });
  await walk("/projects", async (page) => {
    await page.getByRole("link", { name: "team" }).click();
    await page.getByRole("heading", { name: "team", level: 1 }).waitFor();
    assert.equal(await page.getByRole("tab", { name: "Members" }).count(), 0);
  });
});
