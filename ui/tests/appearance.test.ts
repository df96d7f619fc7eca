/** Languages, light and dark, and the keyboard. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { signIn } from "./browser.js";
import { withStage } from "./stage.js";

const stage = withStage();

test("the portal speaks Chinese when asked, and remembers it", async () => {
  const { walk, registry } = stage();
  await walk("/", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: "Language" }).click();
    await page.getByRole("menuitem", { name: "简体中文" }).click();
    await page.getByRole("heading", { name: "项目", level: 1 }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "项目", level: 1 }).waitFor();
    assert.equal(await page.locator("html").getAttribute("lang"), "zh-CN");
  });
});

test("a Chinese browser gets Chinese at once", async () => {
  const { walk } = stage();
  const steps = async (page: Page) => {
    await page.getByRole("heading", { name: "登录 Wharf" }).waitFor();
  };
  await walk("/", steps, { locale: "zh-CN" });
});

test("dark follows the system until somebody chooses", async () => {
  const { walk } = stage();
  const steps = async (page: Page) => {
    await page.getByRole("heading", { name: "Sign in to Wharf" }).waitFor();
    assert.ok((await brightness(page)) < 0.2, "the system wants dark");
    await page.getByRole("button", { name: "Switch to the light theme" }).click();
    await page.getByRole("button", { name: "Switch to the dark theme" }).waitFor();
    assert.ok((await brightness(page)) > 0.8, "somebody chose light");
    await page.reload();
    await page.getByRole("button", { name: "Switch to the dark theme" }).waitFor();
    assert.ok((await brightness(page)) > 0.8, "and the browser remembers it");
  };
  await walk("/", steps, { colorScheme: "dark" });
});

test("the keyboard is enough to sign in and to go to a page", async () => {
  const { walk, registry } = stage();
  await walk("/", async (page) => {
    const focused = page.locator(":focus");
    await page.getByLabel("User name").and(focused).waitFor();
    await page.keyboard.type(registry.administrator.username);
    await page.keyboard.press("Tab");
    await page.keyboard.type(registry.administrator.password);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Projects", level: 1 }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Projects", level: 1 }).waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await focused.textContent(), "Skip to the content");
    const administration = page.getByRole("link", { name: "Administration" }).and(focused);
    for (let presses = 0; presses < 5 && (await administration.count()) === 0; presses += 1) {
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Administration", level: 1 }).waitFor();
  });
});

/** How bright the page is behind everything: 0 is black, 1 is white. */
async function brightness(page: Page): Promise<number> {
  const colour = await page
    .locator(".ant-layout")
    .first()
    .evaluate((body) => getComputedStyle(body).backgroundColor);
  const parts = (colour.match(/\d+/g) ?? []).slice(0, 3).map(Number);
  return parts.reduce((sum, part) => sum + part, 0) / (3 * 255);
}
