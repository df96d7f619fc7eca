/** What stands around every page: the header with navigation, search, language, theme and account. */

import { MoonOutlined, SunOutlined, TranslationOutlined, UserOutlined } from "@ant-design/icons";
import { App, Button, Dropdown, Input, Layout, Tooltip } from "antd";
import type { ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { signOut } from "../api/session";
import { LANGUAGES, type LanguageCode, useLanguage, useText } from "../i18n/Language";
import { useSession } from "../session/Session";
import { paths } from "./paths";
import type { Appearance } from "./theme";

interface Properties {
  appearance: Appearance;
  onToggleAppearance: () => void;
  children: ReactNode;
}

export function Frame({ appearance, onToggleAppearance, children }: Properties) {
  const text = useText();
  return (
    <Layout className="frame">
      <a className="skip" href="#content">
        {text.shell.skip}
      </a>
      <Layout.Header className="frame-header">
        <Link href={paths.projects} className="brand" aria-label={text.shell.home}>
          <img src="/favicon.svg" alt="" width={28} height={28} />
          Wharf
        </Link>
        <Navigation />
        <div className="header-end">
          <GlobalSearch />
          <LanguageChoice />
          <AppearanceButton appearance={appearance} onToggle={onToggleAppearance} />
          <AccountMenu />
        </div>
      </Layout.Header>
      <Layout.Content id="content" tabIndex={-1} className="frame-content">
        {children}
      </Layout.Content>
    </Layout>
  );
}

function Navigation() {
  const text = useText();
  const { user } = useSession();
  const [location] = useLocation();
  const items = [
    { href: paths.projects, name: text.shell.projects, shown: true },
    { href: paths.administration(), name: text.shell.administration, shown: user?.sysadmin_flag === true },
  ];
  return (
    <nav className="main-navigation" aria-label={text.shell.navigation}>
      {items
        .filter((item) => item.shown)
        .map(({ href, name }) => (
          <Link
            key={href}
            href={href}
            {...(location.startsWith(href) && { "aria-current": "page" as const })}
          >
            {name}
          </Link>
        ))}
    </nav>
  );
}

function GlobalSearch() {
  const text = useText();
  const [, navigate] = useLocation();
  return (
    <Input.Search
      className="header-search"
      placeholder={text.shell.searchPlaceholder}
      aria-label={text.shell.searchPlaceholder}
      onSearch={(value) => value.trim() !== "" && navigate(paths.search(value.trim()))}
    />
  );
}

function LanguageChoice() {
  const { code, choose, messages } = useLanguage();
  return (
    <Dropdown
      trigger={["click"]}
      menu={{
        items: LANGUAGES.map(({ code: key, name }) => ({ key, label: name })),
        selectable: true,
        selectedKeys: [code],
        onClick: ({ key }) => choose(key as LanguageCode),
      }}
    >
      <Button type="text" icon={<TranslationOutlined />} aria-label={messages.shell.language} />
    </Dropdown>
  );
}

function AppearanceButton({ appearance, onToggle }: { appearance: Appearance; onToggle: () => void }) {
  const text = useText();
  const name = appearance === "dark" ? text.shell.light : text.shell.dark;
  return (
    <Tooltip title={name}>
      <Button
        type="text"
        icon={appearance === "dark" ? <SunOutlined /> : <MoonOutlined />}
        aria-label={name}
        onClick={onToggle}
      />
    </Tooltip>
  );
}

function AccountMenu() {
  const text = useText();
  const { user } = useSession();
  const { message } = App.useApp();
  const [here, navigate] = useLocation();
  if (user === null) {
    return <Button onClick={() => navigate(paths.signIn(here))}>{text.shell.signIn}</Button>;
  }
  const leave = async () => {
    try {
      await signOut();
      // A page loaded afresh remembers nothing of what the last user saw.
      location.assign(paths.signIn());
    } catch (failure) {
      message.error(failure instanceof Error ? failure.message : String(failure));
    }
  };
  return (
    <Dropdown
      trigger={["click"]}
      menu={{
        items: [
          { key: "account", label: text.shell.account, onClick: () => navigate(paths.account) },
          { type: "divider" },
          { key: "signOut", label: text.shell.signOut, onClick: leave },
        ],
      }}
    >
      <Button type="text" icon={<UserOutlined />}>
        {user.username}
      </Button>
    </Dropdown>
  );
}
