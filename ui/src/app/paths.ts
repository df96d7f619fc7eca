/** The addresses of the pages. */

export const PROJECT_TABS = ["repositories", "members", "robots", "log"] as const;
export type ProjectTab = (typeof PROJECT_TABS)[number];

export const ADMINISTRATION_TABS = ["users", "robots", "audit", "system", "garbage"] as const;
export type AdministrationTab = (typeof ADMINISTRATION_TABS)[number];

export const paths = {
  /** Where to sign in, and where to go then. */
  signIn: (next?: string) => (next === undefined ? "/sign-in" : `/sign-in?next=${encodeURIComponent(next)}`),
  projects: "/projects",
  account: "/account",
  administration: (tab?: AdministrationTab) => (tab ? `/administration/${tab}` : "/administration"),
  search: (text: string) => `/search?q=${encodeURIComponent(text)}`,
  project: (project: string, tab: ProjectTab = "repositories") => `/projects/${project}/${tab}`,
  repository: (project: string, repository: string) => `/projects/${project}/repositories/${repository}`,
  /** An artifact is written as in `docker pull`: no repository has an `@` in its name. */
  artifact: (project: string, repository: string, digest: string) =>
    `/projects/${project}/repositories/${repository}@${digest}`,
};

/** Where to go after signing in: a page of the portal, whatever the address says. */
export function readNext(parameters: URLSearchParams): string {
  const next = parameters.get("next") ?? "";
  return /^\/(?![/\\])/.test(next) ? next : paths.projects;
}

/** What stands after `/projects/PROJECT/repositories/`: a repository, and perhaps one of its artifacts. */
export function readRepositoryPath(text: string): { repository: string; digest: string | null } {
  const at = text.indexOf("@");
  return at < 0
    ? { repository: text, digest: null }
    : { repository: text.slice(0, at), digest: text.slice(at + 1) };
}
