import type { TableColumnsType } from "antd";
import { Link } from "wouter";
import { deleteRepository, listRepositories, nameInProject, type Repository } from "../../api/repositories";
import { paths } from "../../app/paths";
import { ActionsTitle } from "../../components/ActionsTitle";
import { DeleteButton } from "../../components/DeleteButton";
import { ListTable } from "../../components/ListTable";
import { When } from "../../components/When";
import { useList } from "../../hooks/useList";
import { useText } from "../../i18n/Language";
import { useProject } from "./ProjectRoom";
import { PushHint } from "./PushHint";

export function RepositoriesTab() {
  const text = useText();
  const { project, may } = useProject();
  const list = useList(
    `repositories ${project.name}`,
    (request, signal) => listRepositories(project.name, request, signal),
    "-update_time",
  );
  const inProject = (repository: Repository) => nameInProject(project.name, repository.name);
  const columns: TableColumnsType<Repository> = [
    {
      key: "name",
      title: text.fields.name,
      sorter: true,
      render: (_, row) => <Link href={paths.repository(project.name, inProject(row))}>{inProject(row)}</Link>,
    },
    {
      key: "artifacts",
      title: text.repositories.artifacts,
      align: "end",
      render: (_, row) => row.artifact_count ?? 0,
    },
    { key: "pulls", title: text.repositories.pulls, align: "end", render: (_, row) => row.pull_count ?? 0 },
    {
      key: "update_time",
      title: text.fields.updated,
      sorter: true,
      render: (_, row) => <When time={row.update_time} />,
    },
    {
      key: "actions",
      title: <ActionsTitle />,
      align: "end",
      render: (_, row) =>
        may("repository", "delete") && (
          <DeleteButton
            name={inProject(row)}
            question={text.repositories.deleteQuestion(row.name)}
            explanation={text.repositories.deleteExplanation}
            done={text.repositories.deleted(row.name)}
            change={() => deleteRepository(project.name, inProject(row))}
            onDone={list.reload}
          />
        ),
    },
  ];
  return (
    <ListTable
      label={text.project.repositories}
      list={list}
      columns={columns}
      rowKey="id"
      empty={text.repositories.empty}
      searchPlaceholder={text.repositories.searchPlaceholder}
      actions={may("repository", "push") && <PushHint />}
    />
  );
}
