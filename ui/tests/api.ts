/** The registry as a script sees it: what the walks need to be there before they begin. */

import assert from "node:assert/strict";
import type { Account } from "./browser.js";

/** A role in a project, by its number in the API. */
export const GUEST = 3;

export class Api {
  constructor(
    private readonly url: string,
    private readonly account: Account,
  ) {}

  /** Sends a request with the account's password, and fails unless it is answered with `status`. */
  async send(method: string, path: string, status: number, init: RequestInit = {}): Promise<Response> {
    const { username, password } = this.account;
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Basic ${btoa(`${username}:${password}`)}`);
    const answer = await fetch(new URL(path, this.url), { ...init, method, headers });
    const problem = answer.status === status ? "" : await answer.text();
    assert.equal(answer.status, status, `${method} ${path}: ${problem}`);
    return answer;
  }

  async createUser({ username, password }: Account): Promise<void> {
    const user = { username, password, email: `${username}@test.example`, realname: username, comment: "" };
    await this.post("/api/v2.0/users", user);
  }

  async createProject(name: string): Promise<void> {
    await this.post("/api/v2.0/projects", { project_name: name, metadata: { public: "false" } });
  }

  async addMember(project: string, username: string, role: number): Promise<void> {
    const member = { role_id: role, member_user: { username } };
    await this.post(`/api/v2.0/projects/${project}/members`, member);
  }

  private async post(path: string, body: unknown): Promise<void> {
    const headers = { "Content-Type": "application/json" };
    await this.send("POST", path, 201, { headers, body: JSON.stringify(body) });
  }
}
