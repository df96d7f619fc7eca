import { Button, type ButtonProps, Flex, Modal } from "antd";
import { useState } from "react";
import { useAction } from "../hooks/useAction";
import { useText } from "../i18n/Language";
import { ErrorAlert } from "./ErrorAlert";

interface Properties {
  /** What the button does. With an icon it is read out, and shown when pointed at. */
  label: string;
  question: string;
  explanation?: string;
  /** The word on the button that does it. */
  confirm: string;
  danger?: boolean;
  /** An icon in place of the label, small enough for a row of a table. */
  icon?: ButtonProps["icon"];
  disabled?: boolean;
  /** Said when it is done. */
  done: string;
  change: () => Promise<void>;
  onDone: () => void;
}

/** A button for what cannot be undone: it asks first, and stays open with the reason when the registry refuses. */
export function ConfirmButton(properties: Properties) {
  const { label, question, explanation, confirm, danger = false, icon, disabled = false } = properties;
  const text = useText();
  const action = useAction();
  const [open, setOpen] = useState(false);
  const ask = () => {
    action.reset();
    setOpen(true);
  };
  const doIt = async () => {
    if (await action.run(properties.change, properties.done)) {
      setOpen(false);
      properties.onDone();
    }
  };
  return (
    <>
      <Button
        disabled={disabled}
        icon={icon}
        {...(icon && { "aria-label": label, title: label, type: "text", size: "small" })}
        onClick={ask}
      >
        {icon ? null : label}
      </Button>
      <Modal
        open={open}
        title={question}
        okText={confirm}
        okButtonProps={{ danger, loading: action.busy }}
        cancelText={text.actions.cancel}
        onOk={doIt}
        onCancel={() => setOpen(false)}
        destroyOnHidden
      >
        <Flex vertical gap="middle">
          {explanation}
          <ErrorAlert error={action.error} />
        </Flex>
      </Modal>
    </>
  );
}
