import { Alert, Tabs } from "antd";
import type { ReactNode } from "react";
import { Redirect, useLocation } from "wouter";
import { NotFound } from "../../app/NotFound";
import { ADMINISTRATION_TABS, type AdministrationTab, paths } from "../../app/paths";
import { PageHeader } from "../../components/PageHeader";
import { useText } from "../../i18n/Language";
import { useSession } from "../../session/Session";
import { AuditTab } from "./AuditTab";
import { GarbageTab } from "./GarbageTab";
import { SystemRobotsTab } from "./SystemRobotsTab";
import { SystemTab } from "./SystemTab";
import { UsersTab } from "./UsersTab";

const CONTENT: Record<AdministrationTab, ReactNode> = {
  users: <UsersTab />,
  robots: <SystemRobotsTab />,
  audit: <AuditTab />,
  system: <SystemTab />,
  garbage: <GarbageTab />,
};

export function AdministrationPage({ tab }: { tab: string | undefined }) {
  const text = useText();
  const { user } = useSession();
  const [, navigate] = useLocation();
  if (user?.sysadmin_flag !== true) return <Alert type="warning" showIcon title={text.errors.denied} />;
  if (tab === undefined) return <Redirect to={paths.administration(ADMINISTRATION_TABS[0])} replace />;
  const active = ADMINISTRATION_TABS.find((key) => key === tab);
  if (active === undefined) return <NotFound />;
  return (
    <>
      <PageHeader title={text.administration.title} />
      <Tabs
        activeKey={active}
        onChange={(key) => navigate(paths.administration(key as AdministrationTab))}
        destroyOnHidden
        items={ADMINISTRATION_TABS.map((key) => ({
          key,
          label: text.administration[key],
          children: CONTENT[key],
        }))}
      />
    </>
  );
}
