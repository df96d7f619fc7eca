import { DeleteOutlined } from "@ant-design/icons";
import { useText } from "../i18n/Language";
import { ConfirmButton } from "./ConfirmButton";

interface Properties {
  /** What is deleted. */
  name: string;
  /** What the button is called, where that is not "Delete NAME". */
  label?: string;
  question: string;
  explanation: string;
  done: string;
  /** The word for it, where it is not "Delete". */
  confirm?: string;
  disabled?: boolean;
  change: () => Promise<void>;
  onDone: () => void;
}

/** The small button at the end of a row that deletes what the row shows. */
export function DeleteButton({ name, label, confirm, ...rest }: Properties) {
  const text = useText();
  return (
    <ConfirmButton
      {...rest}
      label={label ?? text.actions.deleteThis(name)}
      confirm={confirm ?? text.actions.delete}
      icon={<DeleteOutlined />}
      danger
    />
  );
}
