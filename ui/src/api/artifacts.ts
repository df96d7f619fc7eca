/** Artifacts: images, indexes and whatever else is pushed, with their tags and what belongs to them. */

import { call, get, getPage, type Page, type PageRequest } from "./http";
import { repositoryPath } from "./repositories";

export interface Platform {
  architecture?: string;
  os?: string;
  "os.version"?: string;
  variant?: string;
}

/** A child of an index. */
export interface ChildReference {
  child_digest: string;
  platform?: Platform | null;
}

export interface Tag {
  id: number;
  name: string;
  push_time?: string;
  pull_time?: string;
  immutable?: boolean;
}

/** Something that refers to an artifact: a signature, a bill of materials. */
export interface Accessory {
  id: number;
  digest: string;
  type?: string;
  size?: number;
  creation_time?: string;
}

/** What an image's config says; other kinds of artifact have other fields. */
export interface ExtraAttributes {
  architecture?: string;
  os?: string;
  variant?: string;
  author?: string;
  created?: string;
  config?: ContainerConfig | null;
}

/** What a container of this image does when nothing else is said. */
export interface ContainerConfig {
  Entrypoint?: string[] | null;
  Cmd?: string[] | null;
  Env?: string[] | null;
  ExposedPorts?: Record<string, unknown> | null;
  Labels?: Record<string, string> | null;
  StopSignal?: string;
  User?: string;
  Volumes?: Record<string, unknown> | null;
  WorkingDir?: string;
}

export interface Artifact {
  id: number;
  digest: string;
  type?: string;
  media_type?: string;
  manifest_media_type?: string;
  artifact_type?: string;
  size?: number;
  push_time?: string;
  pull_time?: string;
  extra_attrs?: ExtraAttributes | null;
  annotations?: Record<string, string> | null;
  references?: ChildReference[] | null;
  tags?: Tag[] | null;
  accessories?: Accessory[] | null;
}

/** A step in the making of an image. */
export interface HistoryEntry {
  created?: string;
  created_by?: string;
  comment?: string;
  /** Whether the step made no layer. */
  empty_layer?: boolean;
}

const WITH_EVERYTHING = { with_tag: true, with_accessory: true };

export function listArtifacts(
  project: string,
  repository: string,
  request: PageRequest,
  signal?: AbortSignal,
): Promise<Page<Artifact>> {
  const { search, ...paging } = request;
  const q = search ? `tags=~${search.replaceAll(",", " ")}` : undefined;
  return getPage(
    `${repositoryPath(project, repository)}/artifacts`,
    { ...paging, q, ...WITH_EVERYTHING },
    signal,
  );
}

export function getArtifact(
  project: string,
  repository: string,
  reference: string,
  signal?: AbortSignal,
): Promise<Artifact> {
  return get(artifactPath(project, repository, reference), WITH_EVERYTHING, signal);
}

export async function deleteArtifact(project: string, repository: string, reference: string): Promise<void> {
  await call("DELETE", artifactPath(project, repository, reference));
}

export async function addTag(
  project: string,
  repository: string,
  digest: string,
  name: string,
): Promise<void> {
  await call("POST", `${artifactPath(project, repository, digest)}/tags`, { body: { name } });
}

export async function deleteTag(
  project: string,
  repository: string,
  digest: string,
  name: string,
): Promise<void> {
  await call("DELETE", `${artifactPath(project, repository, digest)}/tags/${encodeURIComponent(name)}`);
}

export function listAccessories(
  project: string,
  repository: string,
  digest: string,
  request: PageRequest,
  signal?: AbortSignal,
): Promise<Page<Accessory>> {
  const { page, page_size } = request;
  return getPage(`${artifactPath(project, repository, digest)}/accessories`, { page, page_size }, signal);
}

export function getBuildHistory(
  project: string,
  repository: string,
  digest: string,
  signal?: AbortSignal,
): Promise<HistoryEntry[]> {
  return get(`${artifactPath(project, repository, digest)}/additions/build_history`, undefined, signal);
}

/** The platform as it is written after `--platform`. */
export function platformName(platform: Platform | ExtraAttributes | null | undefined): string {
  return [platform?.os, platform?.architecture, platform?.variant].filter(Boolean).join("/");
}

function artifactPath(project: string, repository: string, reference: string): string {
  return `${repositoryPath(project, repository)}/artifacts/${encodeURIComponent(reference)}`;
}
