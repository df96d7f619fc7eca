/** Which language the portal speaks, and how it writes times and sizes in it. */

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { recall, remember } from "../hooks/preferences";
import { en, type Messages } from "./en";
import { zh } from "./zh";

export type LanguageCode = "en" | "zh";

/** The languages, each by its own name. */
export const LANGUAGES: { code: LanguageCode; name: string }[] = [
  { code: "en", name: "English" },
  { code: "zh", name: "简体中文" },
];

const MESSAGES: Record<LanguageCode, Messages> = { en, zh };
/** As browsers and screen readers know them. */
const TAGS: Record<LanguageCode, string> = { en: "en", zh: "zh-CN" };
const PREFERENCE = "language";

interface Language {
  code: LanguageCode;
  messages: Messages;
  choose: (code: LanguageCode) => void;
}

const LanguageContext = createContext<Language | null>(null);

export function LanguageProvider({ children }: { children: ReactNode }) {
  const [code, setCode] = useState<LanguageCode>(firstLanguage);
  useEffect(() => {
    document.documentElement.lang = TAGS[code];
  }, [code]);
  const language = useMemo(() => {
    const choose = (chosen: LanguageCode) => {
      remember(PREFERENCE, chosen);
      setCode(chosen);
    };
    return { code, messages: MESSAGES[code], choose };
  }, [code]);
  return <LanguageContext value={language}>{children}</LanguageContext>;
}

export function useLanguage(): Language {
  const language = useContext(LanguageContext);
  if (language === null) throw new Error("useLanguage needs a LanguageProvider above it");
  return language;
}

/** The words of the language in use. */
export function useText(): Messages {
  return useLanguage().messages;
}

/** The tag of the language in use, for `Intl`. */
export function useLocale(): string {
  return TAGS[useLanguage().code];
}

function firstLanguage(): LanguageCode {
  const remembered = recall(PREFERENCE);
  if (remembered === "en" || remembered === "zh") return remembered;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}
