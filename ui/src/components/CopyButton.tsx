import { CheckOutlined, CopyOutlined } from "@ant-design/icons";
import { Button, Tooltip } from "antd";
import { useEffect, useState } from "react";
import { useText } from "../i18n/Language";

const CONFIRMATION_MILLISECONDS = 1500;

/** Copies a text, and says so for a moment. */
export function CopyButton({ value, label }: { value: string; label: string }) {
  const text = useText();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), CONFIRMATION_MILLISECONDS);
    return () => clearTimeout(timer);
  }, [copied]);
  const name = text.actions.copyThis(label);
  return (
    <Tooltip title={copied ? text.actions.copied : name}>
      <Button
        type="text"
        size="small"
        aria-label={copied ? text.actions.copied : name}
        icon={copied ? <CheckOutlined /> : <CopyOutlined />}
        onClick={async () => setCopied(await copy(value))}
      />
    </Tooltip>
  );
}

async function copy(value: string): Promise<boolean> {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(value);
    return true;
  }
  // Browsers offer the clipboard only to pages that came over TLS or from this machine; the old way works everywhere.
  const field = document.createElement("textarea");
  field.value = value;
  field.className = "off-screen";
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
