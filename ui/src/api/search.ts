/** One question to all projects and repositories. */

import { get } from "./http";
import type { Project } from "./projects";

export interface FoundRepository {
  project_name: string;
  repository_name: string;
  project_public?: boolean;
  pull_count?: number;
  artifact_count?: number;
}

export interface SearchResults {
  project?: Project[] | null;
  repository?: FoundRepository[] | null;
}

export function search(text: string, signal?: AbortSignal): Promise<SearchResults> {
  return get("/search", { q: text }, signal);
}
