import { Flex, Form, type FormInstance, Modal } from "antd";
import type { ReactNode } from "react";
import { useAction } from "../hooks/useAction";
import { useText } from "../i18n/Language";
import { ErrorAlert } from "./ErrorAlert";

interface Properties<T> {
  title: string;
  /** The field that is typed in first. */
  firstField: keyof T & string;
  /** The word on the button that does it. */
  confirm: string;
  initialValues?: Partial<T>;
  /** Does it; when it fails, the dialog stays and says why. */
  submit: (values: T) => Promise<void>;
  /** Said when it is done. */
  done?: (values: T) => string;
  onClose: () => void;
  onDone: () => void;
  children: ReactNode | ((form: FormInstance<T>) => ReactNode);
}

/** A dialog with a form in it. It is shown as long as it is rendered. */
export function FormDialog<T extends object>(properties: Properties<T>) {
  const { title, firstField, confirm, initialValues, submit, done, onClose, onDone, children } = properties;
  const text = useText();
  const action = useAction();
  const [form] = Form.useForm<T>();
  const finish = async (values: T) => {
    if (await action.run(() => submit(values), done?.(values))) onDone();
  };
  return (
    <Modal
      open
      title={title}
      okText={confirm}
      okButtonProps={{ loading: action.busy }}
      cancelText={text.actions.cancel}
      onOk={form.submit}
      onCancel={onClose}
      afterOpenChange={(shown) => shown && form.focusField(firstField)}
    >
      <Form<T>
        form={form}
        layout="vertical"
        requiredMark={false}
        scrollToFirstError={{ focus: true }}
        onFinish={finish}
        {...(initialValues && { initialValues: initialValues as never })}
      >
        <Flex vertical gap="small">
          <div>{typeof children === "function" ? children(form) : children}</div>
          <ErrorAlert error={action.error} />
        </Flex>
        {/* Enter in a field submits only where the form itself has a button for it. */}
        <button type="submit" hidden />
      </Form>
    </Modal>
  );
}
