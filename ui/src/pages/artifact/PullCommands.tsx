import { Flex, Segmented, Typography } from "antd";
import { useState } from "react";
import type { Tag } from "../../api/artifacts";
import { CommandLine } from "../../components/CommandLine";
import { Section } from "../../components/Section";
import { recall, remember } from "../../hooks/preferences";
import { useText } from "../../i18n/Language";
import { useClientAddress } from "../../session/clientAddress";
import type { Place } from "./ArtifactPage";

const TOOLS = ["docker", "podman", "wharf"] as const;
type Tool = (typeof TOOLS)[number];
const PREFERENCE = "tool";
/** An artifact may have hundreds of tags, and a command for each helps nobody. */
const SHOWN_TAGS = 3;

interface Properties {
  place: Place;
  tags: Tag[];
  /** Container tools pull images; other artifacts have tools of their own, which take the same references. */
  isImage: boolean;
}

/** The commands that fetch an artifact, for the tool that its user likes. */
export function PullCommands({ place, tags, isImage }: Properties) {
  const text = useText();
  const [tool, setTool] = useState<Tool>(rememberedTool);
  const name = `${useClientAddress()}/${place.project}/${place.repository}`;
  const before = isImage ? `${tool} pull ${name}` : name;
  const choose = (chosen: Tool) => {
    remember(PREFERENCE, chosen);
    setTool(chosen);
  };
  const references = [
    ...tags
      .slice(0, SHOWN_TAGS)
      .map((tag) => ({ label: text.artifact.byTag(tag.name), end: `:${tag.name}` })),
    { label: text.artifact.byDigest, end: `@${place.digest}` },
  ];
  return (
    <Section
      title={isImage ? text.artifact.pull : text.artifact.reference}
      actions={
        isImage && (
          <Segmented<Tool>
            aria-label={text.artifact.pull}
            options={[...TOOLS]}
            value={tool}
            onChange={choose}
          />
        )
      }
    >
      <Flex vertical gap="small">
        {references.map(({ label, end }) => (
          <div key={end}>
            <Typography.Text type="secondary">{label}</Typography.Text>
            <CommandLine command={before + end} label={label} />
          </div>
        ))}
      </Flex>
    </Section>
  );
}

function rememberedTool(): Tool {
  const remembered = recall(PREFERENCE);
  return TOOLS.find((tool) => tool === remembered) ?? "docker";
}
