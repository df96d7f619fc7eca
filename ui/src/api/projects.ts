/** Projects: the rooms that repositories, members and robot accounts belong to. */

import { call, get, getPage, type Page, type PageRequest } from "./http";

export interface Project {
  project_id: number;
  name: string;
  owner_name?: string;
  repo_count?: number;
  current_user_role_id?: number;
  current_user_role_ids?: number[] | null;
  metadata?: { public?: string } | null;
  creation_time?: string;
  update_time?: string;
}

/** How much a project holds. Sizes are bytes; a limit below zero is none. */
export interface ProjectSummary {
  repo_count?: number;
  quota?: { hard?: { storage?: number }; used?: { storage?: number } } | null;
}

export function isPublic(project: Project): boolean {
  return project.metadata?.public === "true";
}

export function listProjects(request: PageRequest, signal?: AbortSignal): Promise<Page<Project>> {
  const { search, ...paging } = request;
  return getPage("/projects", { ...paging, name: search }, signal);
}

export function getProject(name: string, signal?: AbortSignal): Promise<Project> {
  return get(projectPath(name), undefined, signal);
}

export function getProjectSummary(name: string, signal?: AbortSignal): Promise<ProjectSummary> {
  return get(`${projectPath(name)}/summary`, undefined, signal);
}

export async function createProject(name: string, open: boolean): Promise<void> {
  await call("POST", "/projects", { body: { project_name: name, metadata: { public: String(open) } } });
}

/** Lets everybody read a project's images, or its members alone. */
export async function setProjectPublic(name: string, open: boolean): Promise<void> {
  await call("PUT", projectPath(name), { body: { metadata: { public: String(open) } } });
}

export async function deleteProject(name: string): Promise<void> {
  await call("DELETE", projectPath(name));
}

/** The path of a project below the API. */
export function projectPath(name: string): string {
  return `/projects/${encodeURIComponent(name)}`;
}
