/** Which step of an image's history made which layer. */

import type { HistoryEntry } from "../../api/artifacts";
import type { Descriptor } from "../../api/manifests";

/** A step, a layer, or a step with the layer that it made. */
export interface LayerRow {
  number: number;
  step: HistoryEntry | null;
  layer: Descriptor | null;
}

/**
 * Puts each layer beside the step that made it. A history that counts other layers than the manifest has tells nothing about
 * them; then only the layers are given.
 */
export function layerRows(layers: Descriptor[], history: HistoryEntry[]): LayerRow[] {
  const making = history.filter((step) => step.empty_layer !== true);
  if (making.length !== layers.length) {
    return layers.map((layer, index) => ({ number: index + 1, step: null, layer }));
  }
  let next = 0;
  return history.map((step, index) => {
    const layer = step.empty_layer === true ? null : (layers[next++] ?? null);
    return { number: index + 1, step, layer };
  });
}
