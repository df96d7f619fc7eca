import { type Artifact, platformName } from "../../api/artifacts";
import { Digest } from "../../components/Digest";
import { Facts } from "../../components/Facts";
import { Section } from "../../components/Section";
import { ExactTime } from "../../components/When";
import { formatSize } from "../../i18n/format";
import { useText } from "../../i18n/Language";

/** What an artifact is, how large it is, and when it came and was asked for. */
export function Overview({ artifact }: { artifact: Artifact }) {
  const text = useText();
  const { extra_attrs: attributes } = artifact;
  return (
    <Section title={text.artifact.overview}>
      <Facts
        columns={2}
        rows={[
          [text.fields.digest, <Digest key="digest" digest={artifact.digest} />],
          [text.fields.type, artifact.type],
          [
            text.artifact.mediaType,
            <code key="media">{artifact.manifest_media_type ?? artifact.media_type}</code>,
          ],
          [text.fields.size, formatSize(artifact.size ?? 0)],
          [text.artifact.architecture, platformName(attributes)],
          [text.artifact.author, attributes?.author],
          [text.repository.pushed, <ExactTime key="pushed" time={artifact.push_time} />],
          [text.repository.pulled, <ExactTime key="pulled" time={artifact.pull_time} />],
          [text.artifact.built, attributes?.created && <ExactTime key="built" time={attributes.created} />],
        ]}
      />
    </Section>
  );
}
