import { Flex, Typography } from "antd";
import type { ReactNode } from "react";

interface Properties {
  title: string;
  actions?: ReactNode;
  children: ReactNode;
}

/** A part of a page with a heading of its own. */
export function Section({ title, actions, children }: Properties) {
  return (
    <section aria-label={title}>
      <Flex justify="space-between" align="center" className="section-head">
        <Typography.Title level={2} className="section-title">
          {title}
        </Typography.Title>
        {actions}
      </Flex>
      {children}
    </section>
  );
}
