import { type Artifact, platformName } from "../../api/artifacts";
import { useText } from "../../i18n/Language";

/** How many platforms of an index a row names. */
const SHOWN = 3;
/** What builders call the place of their attestations, which run nowhere. */
const NO_PLATFORM = "unknown/unknown";

/** What an artifact runs on: an image's own platform, or those of an index. */
export function Platforms({ artifact }: { artifact: Artifact }) {
  const text = useText();
  const children = (artifact.references ?? [])
    .map(({ platform }) => platformName(platform))
    .filter((name) => name !== "" && name !== NO_PLATFORM);
  if (children.length === 0) return platformName(artifact.extra_attrs);
  const names = children.join(", ");
  return children.length <= SHOWN ? (
    names
  ) : (
    <span title={names}>{text.repository.children(children.length)}</span>
  );
}
