import type { TableColumnsType } from "antd";
import { useLocation } from "wouter";
import { type Artifact, listArtifacts } from "../../api/artifacts";
import { deleteRepository } from "../../api/repositories";
import { paths } from "../../app/paths";
import { ConfirmButton } from "../../components/ConfirmButton";
import { Digest } from "../../components/Digest";
import { ListTable } from "../../components/ListTable";
import { PageHeader } from "../../components/PageHeader";
import { When } from "../../components/When";
import { useList } from "../../hooks/useList";
import { formatSize } from "../../i18n/format";
import { useText } from "../../i18n/Language";
import { useProject } from "../project/ProjectRoom";
import { Platforms } from "./Platforms";
import { Tags } from "./Tags";

export function RepositoryPage({ repository }: { repository: string }) {
  const text = useText();
  const { project } = useProject();
  const list = useList(
    `artifacts ${project.name}/${repository}`,
    (request, signal) => listArtifacts(project.name, repository, request, signal),
    "-push_time",
  );
  const columns: TableColumnsType<Artifact> = [
    {
      key: "digest",
      title: text.fields.digest,
      render: (_, { digest }) => (
        <Digest digest={digest} to={paths.artifact(project.name, repository, digest)} />
      ),
    },
    {
      key: "tags",
      title: text.repository.tags,
      render: (_, artifact) => <Tags tags={artifact.tags ?? []} />,
    },
    { key: "type", title: text.fields.type, dataIndex: "type" },
    {
      key: "platforms",
      title: text.repository.platforms,
      render: (_, artifact) => <Platforms artifact={artifact} />,
    },
    {
      key: "size",
      title: text.fields.size,
      align: "end",
      sorter: true,
      render: (_, { size }) => <span className="nowrap">{formatSize(size ?? 0)}</span>,
    },
    {
      key: "push_time",
      title: text.repository.pushed,
      sorter: true,
      render: (_, { push_time }) => <When time={push_time} />,
    },
    {
      key: "pull_time",
      title: text.repository.pulled,
      sorter: true,
      render: (_, { pull_time }) => <When time={pull_time} />,
    },
  ];
  return (
    <>
      <PageHeader
        title={repository}
        above={[
          { name: text.shell.projects, href: paths.projects },
          { name: project.name, href: paths.project(project.name) },
        ]}
        actions={<DeleteRepository repository={repository} />}
      />
      <ListTable
        label={repository}
        list={list}
        columns={columns}
        rowKey="digest"
        empty={text.repository.empty}
        searchPlaceholder={text.repository.searchPlaceholder}
      />
    </>
  );
}

function DeleteRepository({ repository }: { repository: string }) {
  const text = useText();
  const { project, may } = useProject();
  const [, navigate] = useLocation();
  const name = `${project.name}/${repository}`;
  if (!may("repository", "delete")) return null;
  return (
    <ConfirmButton
      danger
      label={text.repositories.delete}
      question={text.repositories.deleteQuestion(name)}
      explanation={text.repositories.deleteExplanation}
      confirm={text.actions.delete}
      done={text.repositories.deleted(name)}
      change={() => deleteRepository(project.name, repository)}
      onDone={() => navigate(paths.project(project.name))}
    />
  );
}
