import { Table, type TableColumnsType } from "antd";
import { type ChildReference, platformName } from "../../api/artifacts";
import { paths } from "../../app/paths";
import { Digest } from "../../components/Digest";
import { Section } from "../../components/Section";
import { useText } from "../../i18n/Language";
import type { Place } from "./ArtifactPage";

/** The children of an index, each with its platform. */
export function IndexPlatforms({ place, references }: { place: Place; references: ChildReference[] }) {
  const text = useText();
  const columns: TableColumnsType<ChildReference> = [
    {
      key: "platform",
      title: text.artifact.architecture,
      render: (_, { platform }) =>
        [platformName(platform) || text.values.unknown, platform?.["os.version"]].filter(Boolean).join(" "),
    },
    {
      key: "digest",
      title: text.fields.digest,
      render: (_, { child_digest: digest }) => (
        <Digest digest={digest} to={paths.artifact(place.project, place.repository, digest)} />
      ),
    },
  ];
  return (
    <Section title={text.artifact.platformsIn}>
      <Table<ChildReference>
        aria-label={text.artifact.platformsIn}
        rowKey="child_digest"
        columns={columns}
        dataSource={references}
        size="small"
        pagination={{ hideOnSinglePage: true, pageSize: 20 }}
      />
    </Section>
  );
}
