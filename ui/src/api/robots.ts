/** Robot accounts: names and secrets for programs. */

import { call, getPage, type Page, type PageRequest } from "./http";
import type { Permission } from "./session";

export type RobotLevel = "project" | "system";

/** What a robot may do, and where: `namespace` is a project, or `*` for every project. */
export interface RobotPermission {
  kind: RobotLevel;
  namespace: string;
  access: Permission[];
}

export interface Robot {
  id: number;
  name: string;
  description?: string;
  level: RobotLevel;
  disable?: boolean;
  /** Unix seconds, or -1 for never. */
  expires_at?: number;
  creation_time?: string;
  permissions?: RobotPermission[] | null;
}

export interface NewRobot {
  name: string;
  description?: string;
  level: RobotLevel;
  /** Days, or -1 for ever. */
  duration: number;
  permissions: RobotPermission[];
}

/** A robot just made. Its secret is told here and never again. */
export interface CreatedRobot {
  id: number;
  name: string;
  secret: string;
}

/** Lists the robots of a project, or without one those of the whole registry. */
export function listRobots(
  projectId: number | null,
  request: PageRequest,
  signal?: AbortSignal,
): Promise<Page<Robot>> {
  const { page, page_size, search } = request;
  const where = projectId === null ? "Level=system" : `Level=project,ProjectID=${projectId}`;
  const q = search ? `${where},name=~${search.replaceAll(",", " ")}` : where;
  return getPage("/robots", { page, page_size, q }, signal);
}

export async function createRobot(robot: NewRobot): Promise<CreatedRobot> {
  const answer = await call("POST", "/robots", { body: { ...robot, disable: false } });
  return (await answer.json()) as CreatedRobot;
}

export async function deleteRobot(id: number): Promise<void> {
  await call("DELETE", `/robots/${id}`);
}
