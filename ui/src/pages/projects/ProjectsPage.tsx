import { Button, type TableColumnsType } from "antd";
import { useState } from "react";
import { Link } from "wouter";
import { deleteProject, isPublic, listProjects, type Project } from "../../api/projects";
import { paths } from "../../app/paths";
import { ActionsTitle } from "../../components/ActionsTitle";
import { DeleteButton } from "../../components/DeleteButton";
import { ListTable } from "../../components/ListTable";
import { PageHeader } from "../../components/PageHeader";
import { When } from "../../components/When";
import { useList } from "../../hooks/useList";
import type { Messages } from "../../i18n/en";
import { useText } from "../../i18n/Language";
import { mayCreateProjects, mayDeleteProject, rolesIn } from "../../session/rights";
import { useSession } from "../../session/Session";
import { AccessTag } from "./AccessTag";
import { CreateProject } from "./CreateProject";

export function ProjectsPage() {
  const text = useText();
  const { user, system } = useSession();
  const list = useList("projects", listProjects, "name");
  const [creating, setCreating] = useState(false);
  const columns: TableColumnsType<Project> = [
    ...describingColumns(text),
    {
      key: "actions",
      title: <ActionsTitle />,
      align: "end",
      render: (_, project) =>
        mayDeleteProject(user, project) && <DeleteProject project={project} onDone={list.reload} />,
    },
  ];
  return (
    <>
      <PageHeader title={text.projects.title} />
      <ListTable
        label={text.projects.title}
        list={list}
        columns={columns}
        rowKey="project_id"
        empty={text.projects.empty}
        searchPlaceholder={text.projects.searchPlaceholder}
        actions={
          mayCreateProjects(user, system) && (
            <Button type="primary" onClick={() => setCreating(true)}>
              {text.projects.create}
            </Button>
          )
        }
      />
      {creating && (
        <CreateProject
          onClose={() => setCreating(false)}
          onDone={() => {
            setCreating(false);
            list.reload();
          }}
        />
      )}
    </>
  );
}

function describingColumns(text: Messages): TableColumnsType<Project> {
  return [
    {
      key: "name",
      title: text.fields.name,
      sorter: true,
      render: (_, { name }) => <Link href={paths.project(name)}>{name}</Link>,
    },
    {
      key: "access",
      title: text.projects.access,
      render: (_, project) => <AccessTag open={isPublic(project)} />,
    },
    {
      key: "role",
      title: text.projects.yourRole,
      render: (_, project) => <Role project={project} />,
    },
    { key: "owner", title: text.projects.owner, dataIndex: "owner_name" },
    {
      key: "repositories",
      title: text.projects.repositories,
      align: "end",
      render: (_, { repo_count }) => repo_count ?? 0,
    },
    {
      key: "creation_time",
      title: text.fields.created,
      sorter: true,
      render: (_, { creation_time }) => <When time={creation_time} />,
    },
  ];
}

/** What the user is in a project. Administrators of the registry need no role in it. */
function Role({ project }: { project: Project }) {
  const text = useText();
  const { user } = useSession();
  const roles = rolesIn(project).map((role) => text.roles[role as keyof typeof text.roles]);
  return roles.length === 0 && user?.sysadmin_flag ? text.users.administrator : roles.join(", ");
}

function DeleteProject({ project, onDone }: { project: Project; onDone: () => void }) {
  const text = useText();
  const { name } = project;
  const empty = (project.repo_count ?? 0) === 0;
  return (
    <span title={empty ? undefined : text.projects.notEmpty}>
      <DeleteButton
        name={name}
        question={text.projects.deleteQuestion(name)}
        explanation={text.projects.deleteExplanation}
        done={text.projects.deleted(name)}
        disabled={!empty}
        change={() => deleteProject(name)}
        onDone={onDone}
      />
    </span>
  );
}
