/** Manifests as clients pull them: what the management API does not tell about layers stands there. */

import { announceUnauthorized, readError, send } from "./http";

/** A piece of content that a manifest names. */
export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

export interface Manifest {
  mediaType?: string;
  artifactType?: string;
  config?: Descriptor;
  layers?: Descriptor[];
  manifests?: Descriptor[];
  subject?: Descriptor;
}

const MANIFEST_TYPES = [
  "application/vnd.oci.image.manifest.v1+json",
  "application/vnd.oci.image.index.v1+json",
  "application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json",
].join(", ");

/** Reads a manifest from the distribution API, with the cookie of this session. */
export async function getManifest(
  project: string,
  repository: string,
  digest: string,
  signal?: AbortSignal,
): Promise<Manifest> {
  const answer = await send("GET", `/v2/${project}/${repository}/manifests/${digest}`, {
    headers: { Accept: MANIFEST_TYPES },
    ...(signal && { signal }),
  });
  if (answer.status === 401) announceUnauthorized();
  if (!answer.ok) throw await readError(answer);
  return (await answer.json()) as Manifest;
}
