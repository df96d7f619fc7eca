import { Table, type TableColumnsType, Typography } from "antd";
import { getBuildHistory } from "../../api/artifacts";
import { getManifest } from "../../api/manifests";
import { Digest } from "../../components/Digest";
import { Loading } from "../../components/Loading";
import { Section } from "../../components/Section";
import { When } from "../../components/When";
import { useLoad } from "../../hooks/useLoad";
import type { Messages } from "../../i18n/en";
import { formatSize } from "../../i18n/format";
import { useText } from "../../i18n/Language";
import type { Place } from "./ArtifactPage";
import { type LayerRow, layerRows } from "./layerRows";

/** The layers of an artifact, and for an image the steps that made them. */
export function Layers({ place, isImage }: { place: Place; isImage: boolean }) {
  const text = useText();
  const { project, repository, digest } = place;
  const loaded = useLoad(`layers ${project}/${repository}@${digest}`, async (signal) => {
    const [manifest, history] = await Promise.all([
      getManifest(project, repository, digest, signal),
      isImage ? getBuildHistory(project, repository, digest, signal) : [],
    ]);
    return layerRows(manifest.layers ?? [], history ?? []);
  });
  return (
    <Section title={isImage ? text.artifact.layersAndHistory : text.artifact.layers}>
      <Loading from={loaded}>
        {(rows) => (
          <Table<LayerRow>
            aria-label={text.artifact.layers}
            rowKey="number"
            columns={columns(
              text,
              rows.some(({ step }) => step !== null),
            )}
            dataSource={rows}
            size="small"
            scroll={{ x: "max-content" }}
            pagination={{ hideOnSinglePage: true, pageSize: 50 }}
          />
        )}
      </Loading>
    </Section>
  );
}

function columns(text: Messages, withSteps: boolean): TableColumnsType<LayerRow> {
  const number = { key: "number", title: "#", dataIndex: "number" };
  const steps: TableColumnsType<LayerRow> = [
    {
      key: "step",
      title: text.artifact.step,
      render: (_, { step }) => <code className="step">{step?.created_by || step?.comment}</code>,
    },
    { key: "created", title: text.fields.created, render: (_, { step }) => <When time={step?.created} /> },
  ];
  const layers: TableColumnsType<LayerRow> = [
    {
      key: "size",
      title: text.fields.size,
      align: "end",
      render: (_, { layer }) => layer && <span className="nowrap">{formatSize(layer.size)}</span>,
    },
    {
      key: "digest",
      title: text.fields.digest,
      render: (_, { layer }) =>
        layer ? (
          <Digest digest={layer.digest} />
        ) : (
          <Typography.Text type="secondary">{text.artifact.emptyLayer}</Typography.Text>
        ),
    },
  ];
  const mediaType = {
    key: "mediaType",
    title: text.artifact.mediaType,
    render: (_: unknown, { layer }: LayerRow) => <code>{layer?.mediaType}</code>,
  };
  return withSteps ? [number, ...steps, ...layers] : [number, mediaType, ...layers];
}
