/** What was pushed: seen, tagged, copied as a command, deleted. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { GUEST } from "./api.js";
import { said, signIn } from "./browser.js";
import { type PushedManifest, pushImage, pushIndex } from "./image.js";
import { withStage } from "./stage.js";

const guest = { username: "guest", password: "Visitor1234" };
let image: PushedManifest & { layer: string };
let index: PushedManifest;
const stage = withStage(async (api) => {
  await api.createUser(guest);
  await api.createProject("team");
  await api.addMember("team", guest.username, GUEST);
  image = await pushImage(api, "team/tools/hello", "amd64", "1.0");
  index = await pushIndex(api, "team/many", ["amd64", "arm64"], "latest");
});

function short(digest: string): string {
  return digest.slice(0, "sha256:".length + 12);
}

test("an image is found from its project on, with its layers and its command to pull", async () => {
  const { walk, registry } = stage();
  const options = { permissions: ["clipboard-read", "clipboard-write"] };
  const steps: Parameters<typeof walk>[1] = async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("link", { name: "tools/hello" }).click();
    await page.getByRole("cell", { name: "linux/amd64" }).waitFor();
    await page.getByRole("link", { name: short(image.digest) }).click();

    const layers = page.getByRole("region", { name: "Layers and history" });
    await layers.getByText("COPY hello /bin/hello").waitFor();
    await layers.getByText(short(image.layer)).waitFor();
    await layers.getByText("no layer").waitFor();
    await page.getByRole("region", { name: "Configuration" }).getByText('["/bin/hello","--world"]').waitFor();

    await page.getByRole("button", { name: "Copy By tag 1.0" }).click();
    await page.getByRole("button", { name: "Copied" }).waitFor();
    const byTag = await page.evaluate(() => navigator.clipboard.readText());
    assert.match(byTag, /^docker pull .+\/team\/tools\/hello:1\.0$/);
    await page.getByRole("region", { name: "Pull" }).getByText("podman").click();
    await page.getByRole("button", { name: "Copy By digest" }).click();
    await page.getByText(`/team/tools/hello@${image.digest}`).waitFor();
    await page.waitForFunction(async () => (await navigator.clipboard.readText()).startsWith("podman"));
    const byDigest = await page.evaluate(() => navigator.clipboard.readText());
    assert.ok(byDigest.endsWith(`/team/tools/hello@${image.digest}`), byDigest);
  };
  await walk("/projects/team", steps, options);
});

test("an index shows its platforms, and leads to each", async () => {
  const { walk, registry } = stage();
  await walk(`/projects/team/repositories/many@${index.digest}`, async (page) => {
    await signIn(page, registry.administrator);
    const platforms = page.getByRole("region", { name: "Platforms in this index" });
    await platforms.getByText("linux/amd64").waitFor();
    await platforms.getByRole("row", { name: "linux/arm64" }).getByRole("link").click();
    await page.getByRole("region", { name: "Overview" }).getByText("linux/arm64").waitFor();
  });
});

test("a guest may look and is offered nothing that changes anything", async () => {
  const { walk } = stage();
  await walk("/", async (page) => {
    await signIn(page, guest);
    assert.equal(await page.getByRole("link", { name: "Administration" }).count(), 0);
    await page.getByRole("link", { name: "team" }).click();
    await page.getByRole("link", { name: "many" }).waitFor();
    assert.equal(await page.getByRole("button", { name: /^Delete/ }).count(), 0);
    await page.getByRole("tab", { name: "Members" }).click();
    await page.getByRole("cell", { name: "guest" }).first().waitFor();
    assert.equal(await page.getByRole("button", { name: /^(Add member|Delete)/ }).count(), 0);
    await page.goto(`/projects/team/repositories/tools/hello@${image.digest}`);
    await page.getByRole("region", { name: "Tags" }).getByText("1.0").waitFor();
    assert.equal(await page.getByRole("button", { name: /^(Delete|Add tag)/ }).count(), 0);
    await page.goto("/administration/users");
    await page.getByText("You may not see this page.").waitFor();
  });
});

test("tags come and go, and an artifact is deleted only when that is confirmed", async () => {
  const { walk, registry } = stage();
  await walk(`/projects/team/repositories/tools/hello@${image.digest}`, async (page) => {
    await signIn(page, registry.administrator);
    const tags = page.getByRole("region", { name: "Tags" });
    const dialog = page.getByRole("dialog");
    await tags.getByRole("button", { name: "Add tag" }).click();
    await dialog.getByLabel("Name").fill("stable");
    await page.keyboard.press("Enter");
    await said(page, "Tag stable added");
    await tags.getByRole("button", { name: "Delete 1.0" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await said(page, "Tag 1.0 deleted");
    await tags.getByText("stable").waitFor();
    await tags.getByText("1.0").waitFor({ state: "hidden" });

    await page.getByRole("button", { name: "Delete artifact" }).click();
    await dialog.getByText("Its tags go with it: stable.").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Delete artifact" }).click();
    await dialog.getByRole("button", { name: "Delete" }).click();
    await said(page, "Artifact deleted");
    await page.goto(`/projects/team/repositories/tools/hello@${image.digest}`);
    await page.getByRole("alert").getByText("That did not work").waitFor();
  });
});

test("a repository is deleted, and the access log says who did what", async () => {
  const { walk, registry } = stage();
  await walk("/projects/team", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "Delete many" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await said(page, "Repository team/many deleted");
    await page.getByRole("link", { name: "many" }).waitFor({ state: "hidden" });
    await page.getByRole("tab", { name: "Access log" }).click();
    await page
      .getByRole("row", { name: /delete.*team\/many/ })
      .first()
      .waitFor();
  });
});
