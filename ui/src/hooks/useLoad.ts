/** Reads something from the registry while a component is shown. */

import { useCallback, useEffect, useRef, useState } from "react";

export interface Loaded<T> {
  /** What was read last; while something else is being read, still the old. */
  data: T | undefined;
  error: unknown;
  loading: boolean;
  /** Reads it again. */
  reload: () => void;
}

/**
 * Calls `load` once, again when `key` changes and when `reload` is called. An answer that is no longer wanted is dropped.
 *
 * `key` names what is read, with everything that `load` depends on.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>): Loaded<T> {
  const [state, setState] = useState<Omit<Loaded<T>, "reload">>({
    data: undefined,
    error: undefined,
    loading: true,
  });
  const [generation, setGeneration] = useState(0);
  const latest = useRef(load);
  useEffect(() => {
    latest.current = load;
  });
  // The key stands for what `load` depends on.
  useEffect(() => {
    const controller = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    latest.current(controller.signal).then(
      (data) => controller.signal.aborted || setState({ data, error: undefined, loading: false }),
      (error: unknown) =>
        controller.signal.aborted || setState((before) => ({ ...before, error, loading: false })),
    );
    return () => controller.abort();
  }, [key, generation]);
  const reload = useCallback(() => setGeneration((count) => count + 1), []);
  return { ...state, reload };
}
