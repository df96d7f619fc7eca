/** The repositories of a project. */

import { call, contains, get, getPage, type Page, type PageRequest } from "./http";
import { projectPath } from "./projects";

export interface Repository {
  id: number;
  /** With its project: `library/alpine`. */
  name: string;
  description?: string;
  artifact_count?: number;
  pull_count?: number;
  creation_time?: string;
  update_time?: string;
}

export function listRepositories(
  project: string,
  request: PageRequest,
  signal?: AbortSignal,
): Promise<Page<Repository>> {
  const { search, ...paging } = request;
  return getPage(`${projectPath(project)}/repositories`, { ...paging, q: contains("name", search) }, signal);
}

export function getRepository(
  project: string,
  repository: string,
  signal?: AbortSignal,
): Promise<Repository> {
  return get(repositoryPath(project, repository), undefined, signal);
}

export async function deleteRepository(project: string, repository: string): Promise<void> {
  await call("DELETE", repositoryPath(project, repository));
}

/** The path of a repository below the API. Its slashes are encoded twice, since servers decode a path once. */
export function repositoryPath(project: string, repository: string): string {
  return `${projectPath(project)}/repositories/${encodeURIComponent(encodeURIComponent(repository))}`;
}

/** The name of a repository inside its project. */
export function nameInProject(project: string, name: string): string {
  return name.startsWith(`${project}/`) ? name.slice(project.length + 1) : name;
}
