/** What somebody may do, as far as it can be told without asking the registry. The registry itself decides each time. */

import type { RoleId } from "../api/members";
import type { Project } from "../api/projects";
import type { SystemInformation } from "../api/system";
import type { User } from "../api/users";

const PROJECT_ADMINISTRATOR: RoleId = 1;

export function mayCreateProjects(user: User | null, system: SystemInformation): boolean {
  if (user === null) return false;
  return user.sysadmin_flag === true || system.project_creation_restriction !== "adminonly";
}

export function mayDeleteProject(user: User | null, project: Project): boolean {
  return user?.sysadmin_flag === true || rolesIn(project).includes(PROJECT_ADMINISTRATOR);
}

/** The roles that whoever asked has in a project. */
export function rolesIn(project: Project): number[] {
  const roles = project.current_user_role_ids ?? [];
  if (roles.length > 0) return roles;
  return project.current_user_role_id ? [project.current_user_role_id] : [];
}
