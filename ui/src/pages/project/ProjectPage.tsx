import { Tabs } from "antd";
import type { ReactNode } from "react";
import { useLocation } from "wouter";
import { getProjectSummary, isPublic, type ProjectSummary } from "../../api/projects";
import { NotFound } from "../../app/NotFound";
import { PROJECT_TABS, type ProjectTab, paths } from "../../app/paths";
import { PageHeader } from "../../components/PageHeader";
import { useLoad } from "../../hooks/useLoad";
import { formatSize } from "../../i18n/format";
import { useText } from "../../i18n/Language";
import { useSession } from "../../session/Session";
import { AccessTag } from "../projects/AccessTag";
import { AccessSwitch } from "./AccessSwitch";
import { LogTab } from "./LogTab";
import { MembersTab } from "./MembersTab";
import { useProject } from "./ProjectRoom";
import { RepositoriesTab } from "./RepositoriesTab";
import { RobotsTab } from "./RobotsTab";

const CONTENT: Record<ProjectTab, ReactNode> = {
  repositories: <RepositoriesTab />,
  members: <MembersTab />,
  robots: <RobotsTab />,
  log: <LogTab />,
};
/** What somebody must be allowed to list for a tab to be shown. */
const LISTED: Record<ProjectTab, string | null> = {
  repositories: null,
  members: "member",
  robots: "robot",
  log: "log",
};

export function ProjectPage({ tab }: { tab: string }) {
  const text = useText();
  const { project, may } = useProject();
  const [, navigate] = useLocation();
  const shown = PROJECT_TABS.filter((key) => {
    const resource = LISTED[key];
    return resource === null || may(resource, "list");
  });
  const active = shown.find((key) => key === tab);
  if (active === undefined) return <NotFound />;
  return (
    <>
      <PageHeader
        title={project.name}
        above={[{ name: text.shell.projects, href: paths.projects }]}
        marks={
          <>
            <AccessTag open={isPublic(project)} />
            <Storage />
          </>
        }
        actions={may("metadata", "update") && <AccessSwitch />}
      />
      <Tabs
        activeKey={active}
        onChange={(key) => navigate(paths.project(project.name, key as ProjectTab))}
        destroyOnHidden
        items={shown.map((key) => ({ key, label: text.project[key], children: CONTENT[key] }))}
      />
    </>
  );
}

/** How much the project holds. It is left out where the registry does not tell. */
function Storage() {
  const text = useText();
  const { user } = useSession();
  const { project } = useProject();
  const summary = useLoad(`summary ${project.name} ${user?.user_id}`, (signal) =>
    user === null ? Promise.resolve<ProjectSummary>({}) : getProjectSummary(project.name, signal),
  );
  const quota = summary.data?.quota;
  const used = quota?.used?.storage;
  if (used === undefined) return null;
  const limit = quota?.hard?.storage ?? -1;
  return (
    <span>
      {limit < 0
        ? text.project.stored(formatSize(used))
        : text.project.storedOf(formatSize(used), formatSize(limit))}
    </span>
  );
}
