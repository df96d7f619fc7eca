import { Descriptions } from "antd";
import type { ReactNode } from "react";

interface Properties {
  /** Name and value; a row without a value is left out. */
  rows: [string, ReactNode][];
  columns?: number;
}

const LABEL_WIDTH = 200;

/** Names and their values. */
export function Facts({ rows, columns = 1 }: Properties) {
  const items = rows
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .map(([label, children]) => ({ key: label, label, children }));
  return (
    <Descriptions
      className="facts"
      bordered
      size="small"
      column={{ xs: 1, sm: 1, md: 1, lg: columns }}
      styles={{ label: { width: LABEL_WIDTH } }}
      items={items}
    />
  );
}
