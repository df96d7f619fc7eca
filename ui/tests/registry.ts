/** A registry of its own for each file of walks: the real binary, in a folder that goes with it. */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Api } from "./api.js";
import type { Account } from "./browser.js";
import { environment } from "./environment.js";

/** How long it may take until it serves. */
const START_MILLISECONDS = 30_000;

export class Registry {
  readonly administrator: Account = ADMINISTRATOR;
  /** The API, as the administrator. */
  readonly api: Api;

  private constructor(
    private readonly process: ChildProcess,
    private readonly folder: string,
    /** Where it is, as clients write it: `http://127.0.0.1:40123`. */
    readonly url: string,
  ) {
    this.api = new Api(url, ADMINISTRATOR);
  }

  /** Its host and port. */
  get address(): string {
    return new URL(this.url).host;
  }

  /** Starts one on a port that the system chooses. */
  static async start(): Promise<Registry> {
    const folder = await mkdtemp(join(tmpdir(), "wharf-portal-"));
    const process = spawn(
      environment("WHARF"),
      ["registry", "serve", "--data", join(folder, "data"), "--listen", "127.0.0.1:0"],
      {
        env: { HOME: folder, WHARF_REGISTRY_ADMIN_PASSWORD: ADMINISTRATOR.password },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    return new Registry(process, folder, await announcedUrl(process));
  }

  /** Stops it and removes what it kept. */
  async stop(): Promise<void> {
    const ended = once(this.process, "exit");
    this.process.kill("SIGTERM");
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }
}

const ADMINISTRATOR: Account = { username: "admin", password: "Administrator1" };

/** Waits until the registry says where it serves. */
async function announcedUrl(process: ChildProcess): Promise<string> {
  if (process.stdout === null) throw new Error("its standard output is not piped");
  const lines = createInterface({ input: process.stdout });
  const timer = setTimeout(() => process.kill(), START_MILLISECONDS);
  try {
    for await (const line of lines) {
      const url = /^Serving on (http:\S+)$/.exec(line)?.[1];
      if (url !== undefined) return url;
    }
    throw new Error("the registry ended before it served");
  } finally {
    clearTimeout(timer);
    // What it prints later is of no interest, but must not fill the pipe.
    process.stdout.resume();
  }
}
