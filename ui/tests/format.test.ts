/** Sizes and times as people read them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatAge, formatSize, readTime } from "../src/i18n/format.js";

test("sizes go in steps of a thousand and keep three digits", () => {
  const table: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1 kB"],
    [45_210, "45.2 kB"],
    [7_345_210, "7.35 MB"],
    [999_999_999, "1000 MB"],
    [1_500_000_000_000_000_000, "1500 PB"],
  ];
  for (const [bytes, expected] of table) assert.equal(formatSize(bytes), expected);
});

test("what has never happened has no time", () => {
  for (const text of [undefined, "", "0001-01-01T00:00:00.000Z", "1970-01-01T00:00:00Z", "soon"]) {
    assert.equal(readTime(text), null, String(text));
  }
  assert.equal(readTime("2026-11-21T10:00:00Z")?.getTime(), Date.UTC(2026, 10, 21, 10));
});

test("ages are told in the largest unit that fits", () => {
  const now = new Date("2026-11-21T12:00:00Z");
  const table: [string, string, string][] = [
    ["2026-11-21T11:59:30Z", "en", "30 seconds ago"],
    ["2026-11-21T10:01:00Z", "en", "1 hour ago"],
    ["2026-11-19T12:00:00Z", "en", "2 days ago"],
    ["2025-11-20T12:00:00Z", "en", "last year"],
    ["2026-11-22T13:00:00Z", "en", "tomorrow"],
    ["2026-11-19T12:00:00Z", "zh-CN", "前天"],
  ];
  for (const [time, locale, expected] of table) {
    assert.equal(formatAge(new Date(time), now, locale), expected);
  }
});
