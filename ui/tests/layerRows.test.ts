/** Layers beside the steps that made them. */

import assert from "node:assert/strict";
import { test } from "node:test";
import type { Descriptor } from "../src/api/manifests.js";
import { layerRows } from "../src/pages/artifact/layerRows.js";

function layer(digest: string): Descriptor {
  return { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", digest, size: 1 };
}

test("each layer stands beside the step that made it", () => {
  const rows = layerRows(
    [layer("a"), layer("b")],
    [{ created_by: "ADD" }, { created_by: "CMD", empty_layer: true }, { created_by: "RUN" }],
  );
  assert.deepEqual(
    rows.map(({ step, layer }) => [step?.created_by, layer?.digest]),
    [
      ["ADD", "a"],
      ["CMD", undefined],
      ["RUN", "b"],
    ],
  );
});

test("a history that counts other layers is left out", () => {
  for (const history of [[], [{ created_by: "ADD" }], [{ empty_layer: true }, { empty_layer: true }]]) {
    const rows = layerRows([layer("a"), layer("b")], history);
    assert.deepEqual(
      rows.map(({ number, step, layer }) => [number, step, layer?.digest]),
      [
        [1, null, "a"],
        [2, null, "b"],
      ],
    );
  }
});
