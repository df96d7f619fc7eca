/** Who may do what in a project. */

import { call, getPage, type Page, type PageRequest } from "./http";
import { projectPath } from "./projects";

/** The roles, by the numbers that the API gives them, most powerful first. */
export const ROLES = [1, 4, 2, 3, 5] as const;
export type RoleId = (typeof ROLES)[number];

export interface Member {
  id: number;
  entity_name: string;
  entity_id: number;
  /** `u` for a user, `g` for a group. */
  entity_type?: string;
  role_id: RoleId;
}

export function listMembers(
  project: string,
  request: PageRequest,
  signal?: AbortSignal,
): Promise<Page<Member>> {
  const { page, page_size, search } = request;
  return getPage(`${projectPath(project)}/members`, { page, page_size, entityname: search }, signal);
}

export async function addMember(project: string, username: string, role: RoleId): Promise<void> {
  const body = { role_id: role, member_user: { username } };
  await call("POST", `${projectPath(project)}/members`, { body });
}

export async function setMemberRole(project: string, member: number, role: RoleId): Promise<void> {
  await call("PUT", `${projectPath(project)}/members/${member}`, { body: { role_id: role } });
}

export async function removeMember(project: string, member: number): Promise<void> {
  await call("DELETE", `${projectPath(project)}/members/${member}`);
}
