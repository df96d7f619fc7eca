/** Signing in and out. */

import { test } from "node:test";
import { said, signIn } from "./browser.js";
import { withStage } from "./stage.js";

const stage = withStage();

test("a wrong password is refused, and the right one opens the projects", async () => {
  const { walk, registry } = stage();
  await walk("/", async (page) => {
    await page.getByLabel("User name").fill(registry.administrator.username);
    await page.getByLabel("Password", { exact: true }).fill("not the password");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("User name or password is wrong.").waitFor();
    await signIn(page, registry.administrator);
    await page.getByRole("heading", { name: "Projects", level: 1 }).waitFor();
    await page.getByRole("link", { name: "Administration" }).waitFor();
  });
});

test("whoever signs in sees the page that they came for", async () => {
  const { walk, registry } = stage();
  await walk("/administration/system", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("region", { name: "Health" }).getByText("healthy").first().waitFor();
  });
});

test("after signing out, nothing is shown any more", async () => {
  const { walk, registry } = stage();
  await walk("/", async (page) => {
    await signIn(page, registry.administrator);
    await page.getByRole("button", { name: registry.administrator.username }).click();
    await page.getByRole("menuitem", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "Sign in to Wharf" }).waitFor();
    await page.goto("/administration/users");
    await page.getByRole("heading", { name: "Sign in to Wharf" }).waitFor();
  });
});

test("somebody changes their password, and the old one is worth nothing", async () => {
  const { walk, api } = stage();
  const grace = { username: "grace", password: "Compiler1952" };
  const changed = { ...grace, password: "Nanosecond1983" };
  await api.createUser(grace);
  await walk("/account", async (page) => {
    await signIn(page, grace);
    await page.getByLabel("Present password").fill("Wrong1234");
    await page.getByLabel("New password", { exact: true }).fill(changed.password);
    await page.getByLabel("New password again").fill(changed.password);
    await page.getByRole("button", { name: "Change password" }).click();
    await page.getByRole("alert").getByText("That did not work").waitFor();
    await page.getByLabel("Present password").fill(grace.password);
    await page.getByRole("button", { name: "Change password" }).click();
    await said(page, "Your password is changed");
  });
  await walk("/", async (page) => {
    await page.getByLabel("User name").fill(grace.username);
    await page.getByLabel("Password", { exact: true }).fill(grace.password);
    await page.keyboard.press("Enter");
    await page.getByText("User name or password is wrong.").waitFor();
    await signIn(page, changed);
  });
});
