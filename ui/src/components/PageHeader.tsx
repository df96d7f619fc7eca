import { Breadcrumb, Flex, Typography } from "antd";
import { type ReactNode, useEffect } from "react";
import { Link } from "wouter";

interface Properties {
  title: string;
  /** The pages above this one. */
  above?: { name: string; href: string }[];
  /** What stands beside the title. */
  marks?: ReactNode;
  /** What can be done here. */
  actions?: ReactNode;
}

/** The head of a page: where it is, what it is called, what can be done. */
export function PageHeader({ title, above = [], marks, actions }: Properties) {
  useEffect(() => {
    document.title = `${title} · Wharf`;
  }, [title]);
  const items = above.map(({ name, href }) => ({ key: href, title: <Link href={href}>{name}</Link> }));
  return (
    <header className="page-header">
      {items.length > 0 && <Breadcrumb items={items} />}
      <Flex justify="space-between" align="center" gap="middle" wrap>
        <Flex align="center" gap="small" wrap>
          <Typography.Title level={1} className="page-title">
            {title}
          </Typography.Title>
          {marks}
        </Flex>
        <Flex gap="small">{actions}</Flex>
      </Flex>
    </header>
  );
}
