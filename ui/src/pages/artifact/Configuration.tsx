import type { ContainerConfig } from "../../api/artifacts";
import { Facts } from "../../components/Facts";
import { Section } from "../../components/Section";
import { useText } from "../../i18n/Language";

/** What an image's config says to a container. */
export function Configuration({ config }: { config: ContainerConfig | null }) {
  const text = useText();
  const names = text.artifact.configKinds;
  if (config === null) return null;
  const labels = Object.entries(config.Labels ?? {}).map(([name, value]) => `${name}=${value}`);
  const rows = [
    [names.entrypoint, words(config.Entrypoint)],
    [names.cmd, words(config.Cmd)],
    [names.env, config.Env ?? []],
    [names.workingDir, one(config.WorkingDir)],
    [names.user, one(config.User)],
    [names.ports, Object.keys(config.ExposedPorts ?? {})],
    [names.volumes, Object.keys(config.Volumes ?? {})],
    [names.stopSignal, one(config.StopSignal)],
    [names.labels, labels],
  ] as const;
  const said = rows.filter(([, lines]) => lines.length > 0);
  return (
    <Section title={text.artifact.config}>
      {said.length === 0 ? (
        text.artifact.noConfig
      ) : (
        <Facts rows={said.map(([name, lines]) => [name, <Lines key={name} lines={lines} />])} />
      )}
    </Section>
  );
}

function Lines({ lines }: { lines: readonly string[] }) {
  return (
    <ul className="plain-list">
      {lines.map((line) => (
        <li key={line}>
          <code className="step">{line}</code>
        </li>
      ))}
    </ul>
  );
}

/** A command as the config keeps it, so that `["sh", "-c", "a b"]` and `["sh", "-c", "a", "b"]` differ. */
function words(command: string[] | null | undefined): string[] {
  return command && command.length > 0 ? [JSON.stringify(command)] : [];
}

function one(value: string | undefined): string[] {
  return value ? [value] : [];
}
