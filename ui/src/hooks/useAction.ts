/** Changes something in the registry, and tells the user how it went. */

import { App } from "antd";
import { useCallback, useState } from "react";

interface Action {
  /** Whether it is under way. */
  busy: boolean;
  /** Why it failed the last time. */
  error: unknown;
  /** Does it; gives whether it worked. */
  run: (change: () => Promise<void>, done?: string) => Promise<boolean>;
  /** Forgets the last failure. */
  reset: () => void;
}

export function useAction(): Action {
  const { message } = App.useApp();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = useCallback(
    async (change: () => Promise<void>, done?: string) => {
      setBusy(true);
      setError(undefined);
      try {
        await change();
        if (done !== undefined) message.success(done);
        return true;
      } catch (failure) {
        setError(failure);
        return false;
      } finally {
        setBusy(false);
      }
    },
    [message],
  );
  const reset = useCallback(() => setError(undefined), []);
  return { busy, error, run, reset };
}
