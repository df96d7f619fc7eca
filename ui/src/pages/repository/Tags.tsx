import { Flex, Tag as Label, Typography } from "antd";
import type { Tag } from "../../api/artifacts";
import { useText } from "../../i18n/Language";

/** How many tags a row shows; the rest are counted. */
const SHOWN = 6;

export function Tags({ tags }: { tags: Tag[] }) {
  const text = useText();
  if (tags.length === 0)
    return <Typography.Text type="secondary">{text.repository.untagged}</Typography.Text>;
  const rest = tags.slice(SHOWN);
  return (
    <Flex gap={4} wrap>
      {tags.slice(0, SHOWN).map(({ id, name }) => (
        <Label key={id}>{name}</Label>
      ))}
      {rest.length > 0 && <Label title={rest.map(({ name }) => name).join(", ")}>+{rest.length}</Label>}
    </Flex>
  );
}
