import { Table, type TableColumnsType } from "antd";
import { useState } from "react";
import { type Accessory, listAccessories } from "../../api/artifacts";
import { paths } from "../../app/paths";
import { Digest } from "../../components/Digest";
import { ErrorAlert } from "../../components/ErrorAlert";
import { Section } from "../../components/Section";
import { When } from "../../components/When";
import { useLoad } from "../../hooks/useLoad";
import { formatSize } from "../../i18n/format";
import { useText } from "../../i18n/Language";
import type { Place } from "./ArtifactPage";

const PAGE_SIZE = 10;

/** What refers to an artifact: signatures, bills of materials, attestations. */
export function Accessories({ place }: { place: Place }) {
  const text = useText();
  const { project, repository, digest } = place;
  const [page, setPage] = useState(1);
  const loaded = useLoad(`accessories ${project}/${repository}@${digest} ${page}`, (signal) =>
    listAccessories(project, repository, digest, { page, page_size: PAGE_SIZE }, signal),
  );
  const columns: TableColumnsType<Accessory> = [
    { key: "type", title: text.fields.type, dataIndex: "type" },
    {
      key: "digest",
      title: text.fields.digest,
      render: (_, row) => <Digest digest={row.digest} to={paths.artifact(project, repository, row.digest)} />,
    },
    { key: "size", title: text.fields.size, align: "end", render: (_, { size }) => formatSize(size ?? 0) },
    { key: "created", title: text.fields.created, render: (_, row) => <When time={row.creation_time} /> },
  ];
  return (
    <Section title={text.artifact.accessories}>
      <ErrorAlert error={loaded.error} onRetry={loaded.reload} />
      <Table<Accessory>
        aria-label={text.artifact.accessories}
        rowKey="digest"
        columns={columns}
        dataSource={loaded.data?.items ?? []}
        loading={loaded.loading && { delay: 150 }}
        size="small"
        pagination={{
          current: page,
          pageSize: PAGE_SIZE,
          total: loaded.data?.total ?? 0,
          onChange: setPage,
          hideOnSinglePage: true,
          showSizeChanger: false,
        }}
        locale={{ emptyText: <span className="quiet">{text.artifact.accessoriesEmpty}</span> }}
      />
    </Section>
  );
}
