import { useText } from "../i18n/Language";

/** The head of the column with what can be done to a row: read out, not shown. */
export function ActionsTitle() {
  const text = useText();
  return <span className="read-out">{text.fields.actions}</span>;
}
