import { Flex, type TableColumnsType } from "antd";
import { type GarbageRun, getGarbageSchedule, listGarbageRuns, startGarbageRun } from "../../api/system";
import { ConfirmButton } from "../../components/ConfirmButton";
import { Facts } from "../../components/Facts";
import { ListTable } from "../../components/ListTable";
import { Loading } from "../../components/Loading";
import { Section } from "../../components/Section";
import { ExactTime } from "../../components/When";
import { useList } from "../../hooks/useList";
import { useLoad } from "../../hooks/useLoad";
import { useText } from "../../i18n/Language";

export function GarbageTab() {
  const text = useText();
  const schedule = useLoad("garbage schedule", getGarbageSchedule);
  const list = useList("garbage runs", listGarbageRuns);
  const columns: TableColumnsType<GarbageRun> = [
    { key: "id", title: "#", dataIndex: "id" },
    { key: "kind", title: text.garbage.kind, dataIndex: "job_kind" },
    { key: "status", title: text.fields.status, dataIndex: "job_status" },
    {
      key: "started",
      title: text.garbage.started,
      render: (_, run) => <ExactTime time={run.creation_time} />,
    },
    {
      key: "finished",
      title: text.garbage.finished,
      render: (_, run) => <ExactTime time={run.update_time} />,
    },
    {
      key: "parameters",
      title: text.garbage.parameters,
      render: (_, run) => <code className="step">{run.job_result || run.job_parameters}</code>,
    },
  ];
  return (
    <Flex vertical gap="large">
      <Section title={text.garbage.schedule}>
        <Loading from={schedule}>{(read) => <Schedule schedule={read?.schedule ?? {}} />}</Loading>
      </Section>
      <Section title={text.garbage.runs}>
        <ListTable
          label={text.garbage.runs}
          list={list}
          columns={columns}
          rowKey="id"
          empty={text.garbage.empty}
          actions={
            <ConfirmButton
              label={text.garbage.start}
              question={text.garbage.startQuestion}
              explanation={text.garbage.startExplanation}
              confirm={text.garbage.start}
              done={text.garbage.startedNow}
              change={startGarbageRun}
              onDone={list.reload}
            />
          }
        />
      </Section>
    </Flex>
  );
}

interface ScheduleProperties {
  schedule: { type?: string; cron?: string; next_scheduled_time?: string };
}

function Schedule({ schedule }: ScheduleProperties) {
  const text = useText();
  const { type, cron, next_scheduled_time: next } = schedule;
  if (!type || type === "None") return text.garbage.unscheduled;
  return (
    <Facts
      rows={[
        [text.garbage.kind, type],
        [text.garbage.schedule, cron && <code>{cron}</code>],
        [text.garbage.next, next && <ExactTime time={next} />],
      ]}
    />
  );
}
