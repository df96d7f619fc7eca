import type { TableColumnsType } from "antd";
import type { Page, PageRequest } from "../api/http";
import type { LogEntry } from "../api/logs";
import { useList } from "../hooks/useList";
import { useText } from "../i18n/Language";
import { ListTable } from "./ListTable";
import { ExactTime } from "./When";

interface Properties {
  /** Whose log it is. */
  name: string;
  load: (request: PageRequest, signal: AbortSignal) => Promise<Page<LogEntry>>;
}

/** Who did what, and when; the latest first. */
export function LogTable({ name, load }: Properties) {
  const text = useText();
  const list = useList(`log ${name}`, load, "-op_time");
  const columns: TableColumnsType<LogEntry> = [
    {
      key: "op_time",
      title: text.log.time,
      sorter: true,
      render: (_, entry) => <ExactTime time={entry.op_time} />,
    },
    { key: "username", title: text.fields.username, dataIndex: "username" },
    { key: "operation", title: text.log.operation, dataIndex: "operation" },
    { key: "type", title: text.fields.type, dataIndex: "resource_type" },
    {
      key: "resource",
      title: text.log.resource,
      render: (_, entry) => <span className="step">{entry.resource}</span>,
    },
  ];
  return (
    <ListTable
      label={text.project.log}
      list={list}
      columns={columns}
      rowKey="id"
      empty={text.log.empty}
      searchPlaceholder={text.log.searchPlaceholder}
    />
  );
}
