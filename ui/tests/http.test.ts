/** How answers of the registry, and of what stands before it, are read. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { contains, readError } from "../src/api/http.js";
import { readNext, readRepositoryPath } from "../src/app/paths.js";

test("a failure is told in the registry's words", async () => {
  const table: [string, string, string][] = [
    ['{"errors":[{"code":"CONFLICT","message":"the project exists"}]}', "CONFLICT", "the project exists"],
    ["<html><body>Bad gateway</body></html>", "", "502 Bad Gateway"],
    ["upstream is down", "", "502 Bad Gateway: upstream is down"],
    ["", "", "502 Bad Gateway"],
    ['{"errors":[]}', "", '502 Bad Gateway: {"errors":[]}'],
  ];
  for (const [body, code, message] of table) {
    const error = await readError(new Response(body, { status: 502, statusText: "Bad Gateway" }));
    assert.deepEqual([error.status, error.code, error.message], [502, code, message]);
  }
});

test("what is typed into a search cannot become another condition", () => {
  assert.equal(contains("name", "a,public=true"), "name=~a public=true");
  assert.equal(contains("name", "  "), undefined);
  assert.equal(contains("name", undefined), undefined);
});

test("a repository and its artifact are told apart", () => {
  assert.deepEqual(readRepositoryPath("tools/backup"), { repository: "tools/backup", digest: null });
  assert.deepEqual(readRepositoryPath("tools/backup@sha256:ab"), {
    repository: "tools/backup",
    digest: "sha256:ab",
  });
});

test("signing in leads nowhere but into the portal", () => {
  const next = (address: string) => readNext(new URLSearchParams({ next: address }));
  assert.equal(next("/projects/team/members"), "/projects/team/members");
  for (const foreign of [
    "//elsewhere.example",
    "/\\elsewhere.example",
    "https://elsewhere.example",
    "javascript:x",
    "",
  ]) {
    assert.equal(next(foreign), "/projects", foreign);
  }
});
