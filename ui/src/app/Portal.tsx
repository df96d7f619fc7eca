/** The whole portal: language, theme and session around the pages. */

import { App, ConfigProvider } from "antd";
import enLocale from "antd/locale/en_US";
import zhLocale from "antd/locale/zh_CN";
import { LanguageProvider, useLanguage } from "../i18n/Language";
import { SessionProvider } from "../session/Session";
import { ErrorBoundary } from "./ErrorBoundary";
import { Frame } from "./Frame";
import { Routes } from "./Routes";
import { THEMES, useAppearance } from "./theme";

const WIDGET_LOCALES = { en: enLocale, zh: zhLocale };

export function Portal() {
  return (
    <LanguageProvider>
      <Dressed />
    </LanguageProvider>
  );
}

function Dressed() {
  const { code } = useLanguage();
  const [appearance, toggleAppearance] = useAppearance();
  return (
    <ConfigProvider
      locale={WIDGET_LOCALES[code]}
      theme={THEMES[appearance]}
      button={{ autoInsertSpace: false }}
      wave={{ disabled: true }}
    >
      <App className="frame">
        <ErrorBoundary>
          <SessionProvider>
            <Frame appearance={appearance} onToggleAppearance={toggleAppearance}>
              <Routes />
            </Frame>
          </SessionProvider>
        </ErrorBoundary>
      </App>
    </ConfigProvider>
  );
}
