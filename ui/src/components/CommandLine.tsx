import { CopyButton } from "./CopyButton";

/** A command to be copied into a terminal. */
export function CommandLine({ command, label }: { command: string; label: string }) {
  return (
    <div className="command-line">
      <code>{command}</code>
      <CopyButton value={command} label={label} />
    </div>
  );
}
