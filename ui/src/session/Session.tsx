/** Who uses the portal, and what the registry says about itself. */

import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from "react";
import { onUnauthorized } from "../api/http";
import * as api from "../api/session";
import { getSystemInformation, type SystemInformation } from "../api/system";
import type { User } from "../api/users";
import { Loading } from "../components/Loading";
import { useLoad } from "../hooks/useLoad";

interface Session {
  /** Null for somebody who has not signed in. */
  user: User | null;
  system: SystemInformation;
  /** The registry refused something to whoever this is: it wants somebody to sign in. */
  refused: boolean;
  signIn: (principal: string, password: string) => Promise<void>;
}

const SessionContext = createContext<Session | null>(null);

export function SessionProvider({ children }: { children: ReactNode }) {
  const loaded = useLoad("session", readSession);
  const [refused, setRefused] = useState(false);
  useEffect(() => onUnauthorized(() => setRefused(true)), []);
  const { reload } = loaded;
  const start = useCallback(() => {
    setRefused(false);
    reload();
  }, [reload]);
  return (
    <Loading from={loaded}>
      {(read) => (
        <SessionRoom read={read} refused={refused} onChange={start}>
          {children}
        </SessionRoom>
      )}
    </Loading>
  );
}

interface RoomProperties {
  read: Pick<Session, "user" | "system">;
  refused: boolean;
  onChange: () => void;
  children: ReactNode;
}

function SessionRoom({ read, refused, onChange, children }: RoomProperties) {
  const session = useMemo(() => {
    const signIn = async (principal: string, password: string) => {
      await api.signIn(principal, password);
      onChange();
    };
    return { ...read, refused, signIn };
  }, [read, refused, onChange]);
  return <SessionContext value={session}>{children}</SessionContext>;
}

async function readSession(signal: AbortSignal): Promise<Pick<Session, "user" | "system">> {
  const [user, system] = await Promise.all([api.currentUser(signal), getSystemInformation(signal)]);
  return { user, system };
}

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (session === null) throw new Error("useSession needs a SessionProvider above it");
  return session;
}
