/** Which page stands at which address. */

import { Redirect, Route, Switch, useSearchParams } from "wouter";
import { AccountPage } from "../pages/account/AccountPage";
import { AdministrationPage } from "../pages/administration/AdministrationPage";
import { ArtifactPage } from "../pages/artifact/ArtifactPage";
import { ProjectPage } from "../pages/project/ProjectPage";
import { ProjectProvider } from "../pages/project/ProjectRoom";
import { ProjectsPage } from "../pages/projects/ProjectsPage";
import { RepositoryPage } from "../pages/repository/RepositoryPage";
import { SearchPage } from "../pages/search/SearchPage";
import { SignInPage } from "../pages/signIn/SignInPage";
import { useSession } from "../session/Session";
import { NotFound } from "./NotFound";
import { paths, readNext, readRepositoryPath } from "./paths";

export function Routes() {
  const { user, refused } = useSession();
  // The address stays, so that whoever signs in sees what they came for.
  if (refused) return <SignInPage />;
  return (
    <Switch>
      <Route path="/">{user === null ? <SignInPage /> : <Redirect to={paths.projects} replace />}</Route>
      <Route path="/sign-in">{user === null ? <SignInPage /> : <GoOn />}</Route>
      <Route path="/projects" component={ProjectsPage} />
      <Route path="/projects/:project/*?">
        {({ project }) => (
          <ProjectProvider key={project} name={project}>
            <ProjectRoutes project={project} />
          </ProjectProvider>
        )}
      </Route>
      <Route path="/search" component={SearchPage} />
      <Route path="/account">{user === null ? <SignInPage /> : <AccountPage user={user} />}</Route>
      <Route path="/administration/:tab?">
        {({ tab }) => (user === null ? <SignInPage /> : <AdministrationPage tab={tab} />)}
      </Route>
      <Route component={NotFound} />
    </Switch>
  );
}

/** Leads whoever has signed in to the page that they came for. */
function GoOn() {
  const [parameters] = useSearchParams();
  return <Redirect to={readNext(parameters)} replace />;
}

function ProjectRoutes({ project }: { project: string }) {
  return (
    <Switch>
      <Route path="/projects/:project">
        <Redirect to={paths.project(project)} replace />
      </Route>
      <Route path="/projects/:project/repositories/*">
        {(parameters) => {
          const { repository, digest } = readRepositoryPath(parameters["*"] ?? "");
          return digest === null ? (
            <RepositoryPage key={repository} repository={repository} />
          ) : (
            <ArtifactPage key={`${repository}@${digest}`} repository={repository} digest={digest} />
          );
        }}
      </Route>
      <Route path="/projects/:project/:tab">{({ tab }) => <ProjectPage tab={tab} />}</Route>
      <Route component={NotFound} />
    </Switch>
  );
}
