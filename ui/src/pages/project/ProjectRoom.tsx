/** The project that a page belongs to, and what its user may do in it. */

import { createContext, type ReactNode, useContext } from "react";
import { ApiError } from "../../api/http";
import { getProject, type Project } from "../../api/projects";
import { projectPermissions } from "../../api/session";
import { Loading } from "../../components/Loading";
import { useLoad } from "../../hooks/useLoad";
import { useSession } from "../../session/Session";
import { SignInPage } from "../signIn/SignInPage";

interface ProjectRoom {
  project: Project;
  /** Whether the registry would let this user do `action` with a `resource` of the project. */
  may: (resource: string, action: string) => boolean;
  reload: () => void;
}

const ProjectContext = createContext<ProjectRoom | null>(null);

/** Reads the project called `name` for everything inside it. */
export function ProjectProvider({ name, children }: { name: string; children: ReactNode }) {
  const { user } = useSession();
  const loaded = useLoad(`project ${name} of ${user?.user_id}`, async (signal) => {
    const project = await getProject(name, signal);
    // Somebody who has not signed in may look, and nothing else.
    const permissions = user === null ? [] : await projectPermissions(project.project_id, signal);
    const allowed = new Set(permissions.map(({ resource, action }) => `${resource} ${action}`));
    return { project, may: (resource: string, action: string) => allowed.has(`${resource} ${action}`) };
  });
  // To somebody who has not signed in, a private project is not there.
  if (user === null && loaded.error instanceof ApiError) return <SignInPage />;
  return (
    <Loading from={loaded}>
      {(room) => <ProjectContext value={{ ...room, reload: loaded.reload }}>{children}</ProjectContext>}
    </Loading>
  );
}

export function useProject(): ProjectRoom {
  const room = useContext(ProjectContext);
  if (room === null) throw new Error("useProject needs a ProjectProvider above it");
  return room;
}
