/** Light and dark: which of them, and what they look like. */

import { type ThemeConfig, theme } from "antd";
import { useCallback, useEffect, useState } from "react";
import { recall, remember } from "../hooks/preferences";

export type Appearance = "light" | "dark";

const PREFERENCE = "appearance";
const SYSTEM_PREFERS_DARK = "(prefers-color-scheme: dark)";

const SHARED = {
  borderRadius: 4,
  fontSize: 14,
  // Nothing slides or fades: the portal answers at once.
  motion: false,
};

/** Without the decorations that tell nothing. */
const PLAIN = {
  Button: { defaultShadow: "none", primaryShadow: "none", dangerShadow: "none" },
  Table: { bodySortBg: "transparent" },
};

export const THEMES: Record<Appearance, ThemeConfig> = {
  light: {
    algorithm: theme.defaultAlgorithm,
    token: { ...SHARED, colorPrimary: "#14507e", colorLink: "#14507e", colorBgLayout: "#f6f7f9" },
    components: { ...PLAIN, Layout: { headerBg: "#ffffff" } },
  },
  dark: {
    algorithm: theme.darkAlgorithm,
    token: { ...SHARED, colorPrimary: "#3f8fce", colorLink: "#6db1e8", colorBgLayout: "#0d0f11" },
    components: { ...PLAIN, Layout: { headerBg: "#17191c" } },
  },
};

/** The appearance in use, and the function that turns it round. It follows the system until somebody chooses. */
export function useAppearance(): [Appearance, () => void] {
  const [chosen, setChosen] = useState<Appearance | null>(rememberedAppearance);
  const [system, setSystem] = useState<Appearance>(systemAppearance);
  useEffect(() => {
    const query = matchMedia(SYSTEM_PREFERS_DARK);
    const follow = () => setSystem(systemAppearance());
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  const appearance = chosen ?? system;
  useEffect(() => {
    document.documentElement.dataset.appearance = appearance;
    document.documentElement.style.colorScheme = appearance;
  }, [appearance]);
  const toggle = useCallback(() => {
    const other = appearance === "dark" ? "light" : "dark";
    remember(PREFERENCE, other);
    setChosen(other);
  }, [appearance]);
  return [appearance, toggle];
}

function rememberedAppearance(): Appearance | null {
  const remembered = recall(PREFERENCE);
  return remembered === "light" || remembered === "dark" ? remembered : null;
}

function systemAppearance(): Appearance {
  return matchMedia(SYSTEM_PREFERS_DARK).matches ? "dark" : "light";
}
