/** Signing in and out, and who is signed in. */

import { ApiError, call, get, readError, send } from "./http";
import type { User } from "./users";

/** What somebody may do with a kind of thing. */
export interface Permission {
  resource: string;
  action: string;
}

/** Gets the cookie that all other requests are made with. */
export async function signIn(principal: string, password: string): Promise<void> {
  const answer = await send("POST", "/c/login", { form: new URLSearchParams({ principal, password }) });
  if (!answer.ok) throw await readError(answer);
}

/** Ends the session. */
export async function signOut(): Promise<void> {
  const answer = await send("GET", "/c/log_out");
  if (!answer.ok) throw await readError(answer);
}

/** Who is signed in, or null. */
export async function currentUser(signal?: AbortSignal): Promise<User | null> {
  const answer = await send("GET", "/api/v2.0/users/current", signal ? { signal } : {});
  if (answer.status === 401) return null;
  if (!answer.ok) throw await readError(answer);
  return (await answer.json()) as User;
}

/** What the one who is signed in may do in a project. */
export async function projectPermissions(projectId: number, signal?: AbortSignal): Promise<Permission[]> {
  const scope = `/project/${projectId}`;
  return await get<Permission[]>("/users/current/permissions", { scope, relative: true }, signal);
}

/** Changes the own password. */
export async function changePassword(
  userId: number,
  oldPassword: string,
  newPassword: string,
): Promise<void> {
  await call("PUT", `/users/${userId}/password`, {
    body: { old_password: oldPassword, new_password: newPassword },
  });
}

/** Whether an error says that name or password are wrong. */
export function isWrongPassword(error: unknown): boolean {
  return error instanceof ApiError && error.status === 401;
}
