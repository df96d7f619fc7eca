import { Badge, Flex } from "antd";
import type { ReactNode } from "react";
import { getHealth, getStatistics, type Health, type Statistics } from "../../api/system";
import { Facts } from "../../components/Facts";
import { Loading } from "../../components/Loading";
import { Section } from "../../components/Section";
import { ExactTime } from "../../components/When";
import { useLoad } from "../../hooks/useLoad";
import { formatSize } from "../../i18n/format";
import { useText } from "../../i18n/Language";
import { useSession } from "../../session/Session";

export function SystemTab() {
  const text = useText();
  const health = useLoad("health", getHealth);
  const statistics = useLoad("statistics", getStatistics);
  return (
    <Flex vertical gap="large">
      <Section title={text.system.health}>
        <Loading from={health}>{(read) => <HealthFacts health={read} />}</Loading>
      </Section>
      <Section title={text.system.statistics}>
        <Loading from={statistics}>{(read) => <StatisticsFacts statistics={read} />}</Loading>
      </Section>
      <Section title={text.administration.system}>
        <SystemFacts />
      </Section>
    </Flex>
  );
}

function HealthFacts({ health }: { health: Health }) {
  const text = useText();
  const rows = (health.components ?? []).map<[string, ReactNode]>(({ name, status, error }) => [
    name,
    <Status key={name} status={status} error={error} />,
  ]);
  return (
    <Facts columns={2} rows={[[text.fields.status, <Status key="" status={health.status} />], ...rows]} />
  );
}

function Status({ status, error }: { status: string; error?: string | undefined }) {
  const text = useText();
  const healthy = status === "healthy";
  return (
    <Badge
      status={healthy ? "success" : "error"}
      text={healthy ? text.system.healthy : [status, error].filter(Boolean).join(": ")}
    />
  );
}

function StatisticsFacts({ statistics }: { statistics: Statistics }) {
  const text = useText();
  const projects = (count = 0, repositories = 0) => `${count}, ${text.system.inProjects(repositories)}`;
  return (
    <Facts
      columns={2}
      rows={[
        [
          text.system.privateProjects,
          projects(statistics.private_project_count, statistics.private_repo_count),
        ],
        [text.system.publicProjects, projects(statistics.public_project_count, statistics.public_repo_count)],
        [text.system.storageUsed, formatSize(statistics.total_storage_consumption ?? 0)],
      ]}
    />
  );
}

function SystemFacts() {
  const text = useText();
  const { system } = useSession();
  const creators = system.project_creation_restriction ?? "everyone";
  return (
    <Facts
      columns={2}
      rows={[
        [text.system.version, system.harbor_version],
        [text.system.registry, system.registry_url || system.external_url],
        [text.system.authentication, system.auth_mode],
        [text.system.projectCreation, text.system.projectCreators[creators] ?? creators],
        [text.system.storage, system.registry_storage_provider_name],
        [text.system.readOnly, system.read_only ? text.values.yes : text.values.no],
        [text.system.time, system.current_time && <ExactTime time={system.current_time} />],
      ]}
    />
  );
}
