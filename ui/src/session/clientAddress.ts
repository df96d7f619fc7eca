/** Where docker and other clients find this registry. */

import { useSession } from "./Session";

/** The first part of an image's name here: what the registry says about itself, or where the portal came from. */
export function useClientAddress(): string {
  const { system } = useSession();
  const told = system.registry_url || system.external_url || location.host;
  return told.replace(/^https?:\/\//, "").replace(/\/+$/, "");
}
