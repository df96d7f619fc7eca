import { Link } from "wouter";
import { useText } from "../i18n/Language";
import { CopyButton } from "./CopyButton";

const SHOWN_DIGITS = 12;

/** The beginning of a digest, as commands show it. */
export function shortDigest(digest: string): string {
  const [algorithm, hex] = digest.split(":");
  return hex === undefined ? digest : `${algorithm}:${hex.slice(0, SHOWN_DIGITS)}`;
}

/** A digest, short, to be copied in full; `to` makes it a link. */
export function Digest({ digest, to }: { digest: string; to?: string }) {
  const text = useText();
  const short = <code title={digest}>{shortDigest(digest)}</code>;
  return (
    <span className="nowrap">
      {to === undefined ? short : <Link href={to}>{short}</Link>}
      <CopyButton value={digest} label={text.fields.digest} />
    </span>
  );
}
