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
const PLAIN_BUTTON = { defaultShadow: "none", primaryShadow: "none", dangerShadow: "none" };
const PLAIN_TABLE = { bodySortBg: "transparent" };

/** Every text has a contrast of at least 4.5 to what is behind it; a test measures it. */
export const THEMES: Record<Appearance, ThemeConfig> = {
  light: {
    algorithm: theme.defaultAlgorithm,
    token: {
      ...SHARED,
      colorPrimary: "#14507e",
      colorLink: "#14507e",
      colorError: "#c2232b",
      colorBgLayout: "#f6f7f9",
      colorTextDescription: "rgba(0, 0, 0, 0.62)",
    },
    components: { Button: PLAIN_BUTTON, Table: PLAIN_TABLE, Layout: { headerBg: "#ffffff" } },
  },
  dark: {
    algorithm: theme.darkAlgorithm,
    token: {
      ...SHARED,
      colorPrimary: "#6db1e8",
      colorLink: "#6db1e8",
      colorError: "#f5817c",
      colorBgLayout: "#0d0f11",
      colorTextDescription: "rgba(255, 255, 255, 0.65)",
    },
    components: {
      // White on what is bright enough to be read on black could not be read.
      Button: {
        ...PLAIN_BUTTON,
        colorPrimary: "#2a6ea6",
        colorPrimaryHover: "#2f7ab8",
        colorPrimaryActive: "#235d8d",
        colorError: "#b93238",
        colorErrorHover: "#c43d43",
        colorErrorActive: "#9f2a2f",
      },
      Table: PLAIN_TABLE,
      Layout: { headerBg: "#17191c" },
    },
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
