/** Who did what, and when. */

import { contains, getPage, type Page, type PageRequest } from "./http";
import { projectPath } from "./projects";

export interface LogEntry {
  id: number;
  username: string;
  resource: string;
  resource_type: string;
  operation: string;
  op_time: string;
}

/** What happened in one project. */
export function listProjectLog(
  project: string,
  request: PageRequest,
  signal?: AbortSignal,
): Promise<Page<LogEntry>> {
  return listLog(`${projectPath(project)}/logs`, request, signal);
}

/** What happened in the whole registry. */
export function listAuditLog(request: PageRequest, signal?: AbortSignal): Promise<Page<LogEntry>> {
  return listLog("/audit-logs", request, signal);
}

function listLog(path: string, request: PageRequest, signal?: AbortSignal): Promise<Page<LogEntry>> {
  const { search, ...paging } = request;
  return getPage(path, { ...paging, q: contains("resource", search) }, signal);
}
