/** The people that the registry knows. */

import { call, contains, getPage, type Page, type PageRequest } from "./http";

export interface User {
  user_id: number;
  username: string;
  email?: string;
  realname?: string;
  comment?: string;
  sysadmin_flag?: boolean;
  creation_time?: string;
}

/** What a new account needs. */
export interface NewUser {
  username: string;
  /** May be left out. */
  email?: string;
  realname?: string;
  password: string;
}

export function listUsers(request: PageRequest, signal?: AbortSignal): Promise<Page<User>> {
  const { search, ...paging } = request;
  return getPage("/users", { ...paging, q: contains("username", search) }, signal);
}

export async function createUser(user: NewUser): Promise<void> {
  await call("POST", "/users", { body: user });
}

export async function deleteUser(userId: number): Promise<void> {
  await call("DELETE", `/users/${userId}`);
}

/** Gives or takes the rights over the whole registry. */
export async function setSystemAdministrator(userId: number, isAdministrator: boolean): Promise<void> {
  await call("PUT", `/users/${userId}/sysadmin`, { body: { sysadmin_flag: isAdministrator } });
}

/** Gives somebody else a new password, as administrators may. */
export async function resetPassword(userId: number, password: string): Promise<void> {
  await call("PUT", `/users/${userId}/password`, { body: { new_password: password } });
}
