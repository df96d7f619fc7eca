/** What this browser remembers for its user. A browser that forbids it forgets, and nothing else happens. */

const PREFIX = "wharf.";

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Full, or forbidden.
  }
}
