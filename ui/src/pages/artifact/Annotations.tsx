import { Facts } from "../../components/Facts";
import { Section } from "../../components/Section";
import { useText } from "../../i18n/Language";

/** What the one who pushed an artifact noted on it. */
export function Annotations({ annotations }: { annotations: Record<string, string> }) {
  const text = useText();
  const rows = Object.entries(annotations);
  if (rows.length === 0) return null;
  return (
    <Section title={text.artifact.annotations}>
      <Facts rows={rows.map(([name, value]) => [name, <span key={name}>{value}</span>])} />
    </Section>
  );
}
