import { Form, Input } from "antd";
import { useText } from "../i18n/Language";
import { passwordRules, repetitionRules } from "./passwordRules";

/** The two fields in which somebody types a new password. */
export function NewPasswordFields() {
  const text = useText();
  return (
    <>
      <Form.Item
        name="password"
        label={text.account.newPassword}
        extra={text.account.passwordHint}
        rules={passwordRules(text, text.account.newPassword)}
        validateTrigger="onBlur"
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
      <Form.Item
        name="again"
        label={text.account.newPasswordAgain}
        dependencies={["password"]}
        rules={repetitionRules(text, "password")}
        validateTrigger="onBlur"
      >
        <Input.Password autoComplete="new-password" />
      </Form.Item>
    </>
  );
}
