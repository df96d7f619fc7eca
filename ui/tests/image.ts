/** Small images, pushed as any client pushes them. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import type { Api } from "./api.js";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const CONFIG = "application/vnd.oci.image.config.v1+json";
const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

export interface PushedManifest {
  mediaType: string;
  digest: string;
  size: number;
}

interface PushedImage extends PushedManifest {
  layer: string;
}

/** An empty tar archive: its end alone. */
const EMPTY_TAR = Buffer.alloc(1024);

/** Pushes an image of one layer under `reference`, or under its digest alone, and gives what its manifest became. */
export async function pushImage(
  api: Api,
  repository: string,
  architecture: string,
  reference?: string,
): Promise<PushedImage> {
  const layer = gzipSync(EMPTY_TAR);
  const config = Buffer.from(
    JSON.stringify({
      architecture,
      os: "linux",
      created: "2026-01-02T03:04:05Z",
      config: {
        Cmd: ["/bin/hello", "--world"],
        Env: ["PATH=/bin"],
        Labels: { "org.example.purpose": "test" },
      },
      rootfs: { type: "layers", diff_ids: [digestOf(EMPTY_TAR)] },
      history: [
        { created: "2026-01-02T03:04:05Z", created_by: "COPY hello /bin/hello" },
        { created: "2026-01-02T03:04:05Z", created_by: 'CMD ["/bin/hello" "--world"]', empty_layer: true },
      ],
    }),
  );
  await pushBlob(api, repository, layer);
  await pushBlob(api, repository, config);
  const manifest = {
    schemaVersion: 2,
    mediaType: MANIFEST,
    config: { mediaType: CONFIG, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: LAYER, digest: digestOf(layer), size: layer.length }],
  };
  const pushed = await pushManifest(api, repository, MANIFEST, manifest, reference);
  return { ...pushed, layer: digestOf(layer) };
}

/** Pushes an index over images for several architectures. */
export async function pushIndex(
  api: Api,
  repository: string,
  architectures: string[],
  tag: string,
): Promise<PushedManifest> {
  const manifests = [];
  for (const architecture of architectures) {
    const { mediaType, digest, size } = await pushImage(api, repository, architecture);
    manifests.push({ mediaType, digest, size, platform: { os: "linux", architecture } });
  }
  return await pushManifest(api, repository, INDEX, { schemaVersion: 2, mediaType: INDEX, manifests }, tag);
}

async function pushBlob(api: Api, repository: string, content: Buffer): Promise<void> {
  const session = await api.send("POST", `/v2/${repository}/blobs/uploads/`, 202);
  const location = session.headers.get("Location");
  assert.ok(location, "an upload has a location");
  const target = `${location}${location.includes("?") ? "&" : "?"}digest=${digestOf(content)}`;
  await api.send("PUT", target, 201, {
    headers: { "Content-Type": "application/octet-stream" },
    body: new Uint8Array(content),
  });
}

async function pushManifest(
  api: Api,
  repository: string,
  mediaType: string,
  manifest: unknown,
  reference?: string,
): Promise<PushedManifest> {
  const content = Buffer.from(JSON.stringify(manifest));
  const digest = digestOf(content);
  await api.send("PUT", `/v2/${repository}/manifests/${reference ?? digest}`, 201, {
    headers: { "Content-Type": mediaType },
    body: new Uint8Array(content),
  });
  return { mediaType, digest, size: content.length };
}

function digestOf(content: Buffer): string {
  return `sha256:${createHash("sha256").update(content).digest("hex")}`;
}
