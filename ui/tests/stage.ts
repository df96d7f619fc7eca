/** What every file of walks begins with: a registry of its own and a browser. */

import { after, before } from "node:test";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { Api } from "./api.js";
import { launch, walk } from "./browser.js";
import { Registry } from "./registry.js";

export interface Stage {
  registry: Registry;
  /** The API, as the administrator. */
  api: Api;
  /** Opens the portal at `path` and walks through it. */
  walk: (
    path: string,
    steps: (page: Page) => Promise<void>,
    options?: BrowserContextOptions,
  ) => Promise<void>;
}

/** Starts both before the tests of a file, fills the registry with `prepare`, and stops both afterwards. */
export function withStage(prepare: (api: Api) => Promise<void> = async () => {}): () => Stage {
  let registry: Registry | undefined;
  let browser: Browser | undefined;
  before(async () => {
    registry = await Registry.start();
    await prepare(registry.api);
    browser = await launch();
  });
  after(async () => {
    await browser?.close();
    await registry?.stop();
  });
  return () => {
    if (registry === undefined || browser === undefined) throw new Error("the stage is not ready");
    const [standing, opened] = [registry, browser];
    return {
      registry: standing,
      api: standing.api,
      walk: (path, steps, options) => walk(opened, standing, path, steps, options),
    };
  };
}
