/** The registry as a whole: what it is, how it fares, what it holds, its garbage collection. */

import { call, get, getPage, type Page, type PageRequest } from "./http";

export interface SystemInformation {
  harbor_version?: string;
  /** Where clients pull from; without a scheme, as it stands in image names. */
  registry_url?: string;
  external_url?: string;
  auth_mode?: string;
  /** `everyone` or `adminonly`. */
  project_creation_restriction?: string;
  self_registration?: boolean;
  registry_storage_provider_name?: string;
  read_only?: boolean;
  current_time?: string;
}

export interface Health {
  status: string;
  components?: { name: string; status: string; error?: string }[] | null;
}

export interface Statistics {
  private_project_count?: number;
  private_repo_count?: number;
  public_project_count?: number;
  public_repo_count?: number;
  total_project_count?: number;
  total_repo_count?: number;
  /** Bytes. */
  total_storage_consumption?: number;
}

/** A run of the garbage collection. */
export interface GarbageRun {
  id: number;
  job_name?: string;
  job_kind?: string;
  /** What it was told, as JSON in a string. */
  job_parameters?: string;
  /** What it did; Harbor itself has no such field. */
  job_result?: string;
  job_status: string;
  creation_time?: string;
  update_time?: string;
}

export interface GarbageSchedule {
  schedule?: { type?: string; cron?: string; next_scheduled_time?: string } | null;
}

export function getSystemInformation(signal?: AbortSignal): Promise<SystemInformation> {
  return get("/systeminfo", undefined, signal);
}

export function getHealth(signal?: AbortSignal): Promise<Health> {
  return get("/health", undefined, signal);
}

export function getStatistics(signal?: AbortSignal): Promise<Statistics> {
  return get("/statistics", undefined, signal);
}

export function listGarbageRuns(request: PageRequest, signal?: AbortSignal): Promise<Page<GarbageRun>> {
  const { page, page_size } = request;
  return getPage("/system/gc", { page, page_size }, signal);
}

/** When the garbage collection runs; null when nothing is scheduled. */
export function getGarbageSchedule(signal?: AbortSignal): Promise<GarbageSchedule | null> {
  return get("/system/gc/schedule", undefined, signal);
}

/** Collects garbage now, beside what runs by itself. */
export async function startGarbageRun(): Promise<void> {
  await call("POST", "/system/gc/schedule", { body: { schedule: { type: "Manual" } } });
}
